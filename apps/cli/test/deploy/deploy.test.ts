/** Nothing in deploy/ could be run where it was written, so what can be known without running it is held here. */
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { siteDocumentSchema } from '@inorder/shared';
import { expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { lintCompose } from './lint-compose.ts';
import { instructionsOf, lintDockerfile, stagesOf } from './lint-dockerfile.ts';
import { lintKubernetes } from './lint-kubernetes.ts';
import { CONSOLE_STOP_MS_MAX, DEPLOY, HEADING, ROLES, ROOT, STOP_MS_MAX, source } from './product.ts';

const kustomizationSchema = z.strictObject({
  apiVersion: z.literal('kustomize.config.k8s.io/v1beta1'),
  kind: z.literal('Kustomization'),
  resources: z.array(z.string()),
});
const dockerfile = source('deploy/Dockerfile');
const stages = stagesOf(instructionsOf(dockerfile));
const variables = new Set([...source('deploy/.env.example').matchAll(/^(\w+)=/gm)].map(([, name]) => name ?? ''));
const composeText = source('deploy/compose.yaml');
const compose = (text: string): string[] =>
  lintCompose(parse(text, { merge: true, uniqueKeys: true }), variables, stages);

/** Objects of a file; a warning counts as an error. */
function objectsOf(text: string): unknown[] {
  return parseAllDocuments(text).map((document) => {
    if (document.errors.length + document.warnings.length > 0) throw new Error(String(document.errors[0]));
    return document.toJS();
  });
}

/** All texts that a kustomization brings, those of its bases too. */
function texts(folder: string): string[] {
  const { resources } = kustomizationSchema.parse(parse(readFileSync(path.join(folder, 'kustomization.yaml'), 'utf8')));
  return resources.flatMap((resource) => {
    const file = path.join(folder, resource);
    return resource.endsWith('.yaml') ? [readFileSync(file, 'utf8')] : texts(file);
  });
}

const variant = (name: string): string =>
  [...texts(path.join(DEPLOY, 'kubernetes', name)), source('deploy/kubernetes/base/secret.template.yaml')].join(
    '\n---\n',
  );
const kubernetes = (text: string): string[] => lintKubernetes(objectsOf(text));

test('what the rules rest on is found in the sources', () => {
  expect(ROLES).toEqual(['ingest', 'validate', 'enrich', 'route', 'deliver', 'watchdog']);
  expect(STOP_MS_MAX).toBe(30_000);
  expect(CONSOLE_STOP_MS_MAX).toBe(10_000);
  expect([...stages]).toEqual(['base', 'manifests', 'engine-modules', 'console-build', 'engine', 'console']);
});

test('every file says that it was linted and not yet run', () => {
  const files = globSync('{Dockerfile,compose.yaml,artemis/*.xml,kubernetes/**/*.yaml}', { cwd: DEPLOY });
  expect(files.length).toBeGreaterThan(12);
  const silent = files.filter((file) => !HEADING.test(source(`deploy/${file}`).split('\n').slice(0, 3).join('\n')));
  expect(silent).toEqual([]);
});

test('G22: no file holds a secret', () => {
  expect(
    source('deploy/.env.example')
      .split('\n')
      .filter((line) => /^\w+=./.test(line)),
  ).toEqual([]);
  const [secret] = objectsOf(source('deploy/kubernetes/base/secret.template.yaml'));
  const { stringData } = z.looseObject({ stringData: z.record(z.string(), z.string()) }).parse(secret);
  expect(Object.values(stringData).join('')).toBe('');
  expect(variant('together').match(/password\s*[:=]\s*\S/i)).toBeNull();
});

test('compose.yaml', () => expect(compose(composeText)).toEqual([]));
test('Dockerfile', () => expect(lintDockerfile(dockerfile)).toEqual([]));
test.each(['together', 'split'])('kubernetes/%s', (name) => expect(kubernetes(variant(name))).toEqual([]));

test('every manifest belongs to a kustomization, but for the template of the Secret', () => {
  const listed = ['base', 'together', 'split'].flatMap((folder) =>
    kustomizationSchema
      .parse(parse(source(`deploy/kubernetes/${folder}/kustomization.yaml`)))
      .resources.filter((resource) => resource.endsWith('.yaml'))
      .map((resource) => `${folder}/${resource}`),
  );
  const there = globSync('*/*.yaml', { cwd: path.join(DEPLOY, 'kubernetes') }).filter(
    (file) => !file.endsWith('kustomization.yaml'),
  );
  expect(there.toSorted()).toEqual([...listed, 'base/secret.template.yaml'].toSorted());
});

test('the example of a site is one', () => {
  const site = siteDocumentSchema.parse(parse(source('deploy/site.example.yaml')));
  expect(
    Object.values(site.sources)
      .map((each) => each.connection)
      .filter((name) => !(name in site.connections)),
  ).toEqual([]);
  expect(site.connections['listener']).toMatchObject({ kind: 'LISTEN', host: '0.0.0.0', port: 5672 });
});

test('`up`, and who clears up after it, give engines and console the time that they give themselves', () => {
  const timeOut = (file: string, name: RegExp): number => Number(name.exec(source(file))?.[1]?.replaceAll('_', ''));
  const engine = /kind: 'engine',[\s\S]*?stopTimeoutMs: ([\d_]+)/;
  expect(timeOut('apps/cli/src/up/site.ts', engine)).toBeGreaterThan(STOP_MS_MAX);
  expect(timeOut('apps/cli/src/up/restart.ts', /STOP_TIMEOUT_MS = ([\d_]+)/)).toBeGreaterThan(STOP_MS_MAX);
  expect(timeOut('apps/cli/src/up/run-file.ts', /STALE_STOP_TIMEOUT_MS = ([\d_]+)/)).toBeGreaterThan(STOP_MS_MAX);
});

test('the engine’s image has the command that migrates', () => {
  expect(source('apps/cli/src/commands/index.ts')).toContain("import('./migrate.ts')");
  expect(globSync('prisma/migrations/*/migration.sql', { cwd: ROOT }).length).toBeGreaterThan(0);
});

test.each([
  ['an image without a version', 'postgres:17.6-bookworm', 'postgres:latest', /may be another one tomorrow/],
  [
    'a service that is not there',
    'redis: { condition: service_healthy }',
    'rediss: { condition: service_healthy }',
    /no service rediss/,
  ],
  ['a misspelt key', 'stop_grace_period: 40s', 'stop_grace_perod: 40s', /Unrecognized key/],
  ['a grace that is too short', 'stop_grace_period: 40s', 'stop_grace_period: 20s', /killed after 20000 ms/],
  ['a console that has no time to drain', 'stop_grace_period: 15s', 'stop_grace_period: 10s', /killed after 10000 ms/],
  [
    'a setting nobody knows',
    'INORDER_AMQP_PORT: "5672"',
    'INORDER_AMPQ_PORT: "5672"',
    /nobody knows the setting INORDER_AMPQ_PORT/,
  ],
  ['a secret that is missing', 'INORDER_SECRET_KEY: $', 'INORDER_SECRET_KEYS: $', /INORDER_SECRET_KEY is missing/],
  ['a port open to the network', '127.0.0.1:7400:3000', '7400:3000', /open to the network/],
  [
    'a variable nobody gives',
    'POSTGRES_PASSWORD: ${POSTGRES_PASSWORD:?',
    'POSTGRES_PASSWORD: ${PG_PASSWORD:?',
    /PG_PASSWORD is not in/,
  ],
  ['a path nobody answers', ':7410/readyz', ':7410/ready', /nothing answers at \/ready/],
  ['a volume that is not there', 'engine-1:/var/lib/inorder', 'engine-9:/var/lib/inorder', /no volume engine-9/],
])('the rules for compose find %s', (_, from, to, problem) => {
  expect(composeText).toContain(from);
  expect(compose(composeText.replace(from, to)).join('\n')).toMatch(problem);
});

test.each([
  ['an image without a version', 'inorder/engine:0.1.0', 'inorder/engine', /has no tag/],
  [
    'a grace that is too short',
    'terminationGracePeriodSeconds: 45',
    'terminationGracePeriodSeconds: 30',
    /killed before it may have stopped/,
  ],
  [
    'a console that has no time to drain',
    'terminationGracePeriodSeconds: 30',
    'terminationGracePeriodSeconds: 15',
    /inorder-console: is killed before it may have stopped/,
  ],
  ['an engine that is alone', 'replicas: 2\n  serviceName', 'replicas: 1\n  serviceName', /stands alone/],
  ['a key that is not there', 'key: INORDER_ADMIN_PORT', 'key: INORDER_ADMIN_PROT', /no key INORDER_ADMIN_PROT/],
  [
    'a probe at the wrong place',
    'readinessProbe: { httpGet: { path: /readyz, port: admin }',
    'readinessProbe: { httpGet: { path: /healthy, port: admin }',
    /nothing answers at \/healthy/,
  ],
  ['a port that is not there', 'path: /livez, port: admin', 'path: /livez, port: adnim', /no port adnim/],
  ['a port that is not the setting’s', 'containerPort: 7410', 'containerPort: 7411', /port admin is 7411/],
  [
    'a role nobody knows',
    'ingest,validate',
    'ingets,validate',
    /nobody knows the role ingets[\s\S]*nobody hosts the role ingest/,
  ],
  ['a misspelt key', 'livenessProbe:', 'livenesProbe:', /Unrecognized key/],
  [
    'a secret in plain sight',
    'valueFrom: { secretKeyRef: { name: inorder-secrets, key: INORDER_ADMIN_SECRET } }',
    'value: hunter2',
    /not taken from the Secret/,
  ],
  [
    'a budget that finds nothing',
    'minAvailable: 1\n  selector:\n    matchLabels: { app.kubernetes.io/name: inorder-engine }',
    'minAvailable: 1\n  selector:\n    matchLabels: { app.kubernetes.io/name: inorder-egnine }',
    /no PodDisruptionBudget/,
  ],
  [
    'an instance that is not the pod',
    'fieldPath: metadata.name',
    'fieldPath: status.podIP',
    /its instance is not its pod/,
  ],
])('the rules for Kubernetes find %s', (_, from, to, problem) => {
  const text = variant('together');
  expect(text).toContain(from);
  expect(kubernetes(text.replace(from, to)).join('\n')).toMatch(problem);
});

test.each([
  ['an image without a version', 'node:24.21.0-bookworm-slim', 'node:24', /may be another one tomorrow/],
  ['a file that is not there', 'COPY prisma/migrations', 'COPY prisma/migration', /no file prisma\/migration/],
  [
    'a workspace that is left out',
    'COPY packages/core/package.json packages/core/\n',
    '',
    /packages\/core\/package.json is not copied/,
  ],
  ['root', 'USER 1000:1000\nEXPOSE 7410', 'EXPOSE 7410', /engine runs as root/],
  ['a stage that is not there', '--from=engine-modules', '--from=engine-module', /no stage engine-module$/m],
])('the rules for the Dockerfile find %s', (_, from, to, problem) => {
  expect(dockerfile).toContain(from);
  expect(lintDockerfile(dockerfile.replace(from, to)).join('\n')).toMatch(problem);
});
