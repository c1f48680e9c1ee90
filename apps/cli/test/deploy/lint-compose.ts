/** Rules for deploy/compose.yaml: what `docker compose config` would refuse, and what it would not notice. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import {
  answers,
  CONSOLE_SETTINGS,
  CONSOLE_STOP_MS_MAX,
  DEPLOY,
  ENGINE_SETTINGS,
  imageProblem,
  STOP_MS_MAX,
} from './product.ts';

const text = z.union([z.string(), z.number()]);
const words = z.union([z.string(), z.array(text)]);
const duration = z.string().regex(/^\d+(ms|s|m)$/);

const serviceSchema = z.strictObject({
  image: z.string(),
  build: z.strictObject({ context: z.string(), dockerfile: z.string(), target: z.string() }).optional(),
  command: words.optional(),
  environment: z.record(z.string(), z.string()).optional(),
  volumes: z.array(z.string()).optional(),
  ports: z.array(z.string()).optional(),
  depends_on: z
    .record(
      z.string(),
      z.strictObject({ condition: z.enum(['service_healthy', 'service_completed_successfully', 'service_started']) }),
    )
    .optional(),
  healthcheck: z
    .strictObject({
      test: z.array(z.string()).min(2),
      interval: duration,
      timeout: duration,
      retries: z.int().positive(),
      start_period: duration.optional(),
    })
    .optional(),
  restart: z.enum(['no', 'always', 'on-failure', 'unless-stopped']),
  networks: z.array(z.string()),
  hostname: z.string().optional(),
  init: z.boolean().optional(),
  read_only: z.boolean().optional(),
  tmpfs: z.array(z.string()).optional(),
  cap_drop: z.array(z.string()).optional(),
  security_opt: z.array(z.string()).optional(),
  stop_grace_period: duration.optional(),
  mem_limit: z.string().optional(),
  shm_size: z.string().optional(),
  cpus: z.number().optional(),
});

const composeSchema = z
  .object({
    name: z.string(),
    services: z.record(z.string(), serviceSchema),
    networks: z.record(z.string(), z.strictObject({})),
    volumes: z.record(z.string(), z.strictObject({})),
  })
  .catchall(z.unknown());

type Compose = z.infer<typeof composeSchema>;
type Service = z.infer<typeof serviceSchema>;

/** @param variables names that .env.example gives. */
export function lintCompose(document: unknown, variables: ReadonlySet<string>, stages: ReadonlySet<string>): string[] {
  const parsed = composeSchema.safeParse(document);
  if (!parsed.success) return parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  const compose = parsed.data;
  const problems = Object.keys(compose)
    .filter((key) => !['name', 'services', 'networks', 'volumes'].includes(key) && !key.startsWith('x-'))
    .map((key) => `${key} is no part of a compose file`);
  for (const [name, service] of Object.entries(compose.services)) {
    const say = (what: string): number => problems.push(`${name}: ${what}`);
    references(service, compose, say);
    health(service, say);
    const app = appOf(service);
    if (app !== undefined) settings(app, service, say);
    if (app !== undefined && service.restart !== 'no') hardening(service, say);
    if (app !== undefined && service.restart !== 'no') stopping(app, service, say);
    if (app === 'engine' && service.restart !== 'no') engine(name, service, say);
    if (service.build !== undefined && !stages.has(service.build.target)) say(`no stage ${service.build.target}`);
  }
  for (const [, variable, fallback] of JSON.stringify(document).matchAll(/\$\{(\w+)([^}]*)\}/g)) {
    if (variable !== undefined && !variables.has(variable)) problems.push(`${variable} is not in .env.example`);
    if (!(fallback ?? '').startsWith(':?')) problems.push(`${variable ?? ''} may be missing unnoticed`);
  }
  return [...new Set(problems)];
}

function references(service: Service, compose: Compose, say: (what: string) => void): void {
  const wrongImage = imageProblem(service.image);
  if (wrongImage !== undefined) say(wrongImage);
  for (const network of service.networks) if (!(network in compose.networks)) say(`no network ${network}`);
  for (const volume of service.volumes ?? []) {
    const [from = ''] = volume.split(':');
    if (!from.startsWith('.')) {
      if (!(from in compose.volumes)) say(`no volume ${from}`);
    } else if (
      !existsSync(path.join(DEPLOY, from)) &&
      !existsSync(path.join(DEPLOY, from.replace('.yaml', '.example.yaml')))
    )
      say(`no file ${from}`);
  }
  for (const port of service.ports ?? [])
    if (!/^127\.0\.0\.1:\d+:\d+$/.test(port)) say(`${port} is open to the network`);
  for (const [other, { condition }] of Object.entries(service.depends_on ?? {})) {
    const needed = compose.services[other];
    if (needed === undefined) say(`no service ${other}`);
    else if (condition === 'service_healthy' && needed.healthcheck === undefined) say(`${other} has no health check`);
    else if (condition === 'service_completed_successfully' && needed.restart !== 'no') say(`${other} never ends`);
  }
  const { build } = service;
  if (build !== undefined && !existsSync(path.join(DEPLOY, build.context, build.dockerfile)))
    say(`no file ${build.dockerfile}`);
}

function health(service: Service, say: (what: string) => void): void {
  const asked = /:(\d+)(\/[a-z]+)'/.exec(service.healthcheck?.test.join(' ') ?? '');
  const app = appOf(service);
  if (asked === null || app === undefined) return;
  const [, port = '', where = ''] = asked;
  if (!answers(app, where)) say(`nothing answers at ${where}`);
  const own = app === 'console' ? '3000' : service.environment?.['INORDER_ADMIN_PORT'];
  if (port !== own) say(`the health check asks port ${port}, not ${own ?? 'none'}`);
}

function appOf(service: Service): 'engine' | 'console' | undefined {
  return /^inorder\/(engine|console):/.exec(service.image)?.[1] as 'engine' | 'console' | undefined;
}

function settings(app: 'engine' | 'console', service: Service, say: (what: string) => void): void {
  const known = app === 'engine' ? ENGINE_SETTINGS : CONSOLE_SETTINGS;
  // What several share goes to each of them; a setting nobody knows is a mistake.
  const given = service.environment ?? {};
  for (const name of Object.keys(given))
    if (!ENGINE_SETTINGS.has(name) && !CONSOLE_SETTINGS.has(name)) say(`nobody knows the setting ${name}`);
  if (service.restart === 'no') return;
  // The image sets the data folder.
  for (const [name, required] of known)
    if (required && name !== 'INORDER_DATA_DIR' && !(name in given)) say(`${name} is missing`);
}

function hardening(service: Service, say: (what: string) => void): void {
  if (service.read_only !== true || !(service.cap_drop ?? []).includes('ALL')) say('is not hardened');
  if (!(service.tmpfs ?? []).includes('/tmp')) say('has nowhere to put its lock (/tmp)');
  if (service.mem_limit === undefined || service.cpus === undefined) say('may use the whole machine');
}

function stopping(app: 'engine' | 'console', service: Service, say: (what: string) => void): void {
  const neededMs = app === 'engine' ? STOP_MS_MAX : CONSOLE_STOP_MS_MAX;
  const givenMs = Number.parseInt(service.stop_grace_period ?? '10s', 10) * 1000;
  if (givenMs <= neededMs) say(`is killed after ${givenMs} ms, before it may have stopped (${neededMs} ms)`);
}

function engine(name: string, service: Service, say: (what: string) => void): void {
  const { INORDER_INSTANCE: instance, INORDER_ADMIN_HOST: host } = service.environment ?? {};
  if (instance !== name) say('its instance is not its name');
  if (host !== service.hostname) say('its admin HTTP is not where others look for it');
}
