/** Rules for deploy/kubernetes: what refers to what, and what an engine needs to stop and start in good order. */
import { z } from 'zod';
import {
  answers,
  CONSOLE_SETTINGS,
  CONSOLE_STOP_MS_MAX,
  ENGINE_SETTINGS,
  imageProblem,
  ROLES,
  STOP_MS_MAX,
} from './product.ts';

const labels = z.record(z.string(), z.string());
const keyRef = z.strictObject({ name: z.string(), key: z.string() });
const probe = z.strictObject({
  httpGet: z.strictObject({ path: z.string(), port: z.string() }),
  periodSeconds: z.int(),
  timeoutSeconds: z.int(),
  failureThreshold: z.int(),
});
const amounts = z.strictObject({ cpu: z.string(), memory: z.string().regex(/^\d+[MG]i$/) });

const containerSchema = z.strictObject({
  name: z.string(),
  image: z.string(),
  command: z.array(z.string()).optional(),
  env: z.array(
    z.strictObject({
      name: z.string(),
      value: z.string().optional(),
      valueFrom: z
        .strictObject({
          configMapKeyRef: keyRef.optional(),
          secretKeyRef: keyRef.optional(),
          fieldRef: z.strictObject({ fieldPath: z.enum(['metadata.name', 'status.podIP']) }).optional(),
        })
        .optional(),
    }),
  ),
  ports: z.array(z.strictObject({ name: z.string(), containerPort: z.int() })).default([]),
  startupProbe: probe.optional(),
  livenessProbe: probe.optional(),
  readinessProbe: probe.optional(),
  lifecycle: z
    .strictObject({
      preStop: z.strictObject({ exec: z.strictObject({ command: z.tuple([z.literal('sleep'), z.string()]) }) }),
    })
    .optional(),
  securityContext: z.strictObject({
    allowPrivilegeEscalation: z.literal(false),
    readOnlyRootFilesystem: z.literal(true),
    capabilities: z.strictObject({ drop: z.tuple([z.literal('ALL')]) }),
  }),
  resources: z.strictObject({ requests: amounts, limits: amounts }),
  volumeMounts: z.array(z.strictObject({ name: z.string(), mountPath: z.string() })),
});

const podSchema = z.strictObject({
  restartPolicy: z.enum(['OnFailure']).optional(),
  automountServiceAccountToken: z.literal(false),
  terminationGracePeriodSeconds: z.int().optional(),
  securityContext: z.looseObject({ runAsNonRoot: z.literal(true), runAsUser: z.int().min(1) }),
  topologySpreadConstraints: z
    .array(z.looseObject({ labelSelector: z.strictObject({ matchLabels: labels }) }))
    .optional(),
  containers: z.tuple([containerSchema]),
  volumes: z.array(z.strictObject({ name: z.string(), emptyDir: z.strictObject({ sizeLimit: z.string() }) })),
});

const selector = z.strictObject({ matchLabels: labels });
const template = z.strictObject({
  metadata: z.strictObject({ labels, annotations: labels.optional() }),
  spec: podSchema,
});
const metadata = z.strictObject({ name: z.string(), labels });
const object = <K extends string, V extends string, S extends z.core.$ZodLooseShape>(
  apiVersion: V,
  kind: K,
  shape: S,
) => z.strictObject({ apiVersion: z.literal(apiVersion), kind: z.literal(kind), metadata, ...shape });

const objectSchema = z.discriminatedUnion('kind', [
  object('v1', 'ConfigMap', { data: labels }),
  object('v1', 'Secret', { type: z.literal('Opaque'), stringData: labels }),
  object('v1', 'Service', {
    spec: z.strictObject({
      clusterIP: z.literal('None').optional(),
      selector: labels,
      ports: z.array(z.strictObject({ name: z.string(), port: z.int(), targetPort: z.string() })),
    }),
  }),
  object('apps/v1', 'Deployment', {
    spec: z.strictObject({ replicas: z.int(), selector, strategy: z.looseObject({}).optional(), template }),
  }),
  object('apps/v1', 'StatefulSet', {
    spec: z.strictObject({
      replicas: z.int(),
      serviceName: z.string(),
      podManagementPolicy: z.literal('Parallel'),
      selector,
      template,
    }),
  }),
  object('batch/v1', 'Job', {
    spec: z.strictObject({
      backoffLimit: z.int(),
      activeDeadlineSeconds: z.int(),
      ttlSecondsAfterFinished: z.int(),
      template,
    }),
  }),
  object('policy/v1', 'PodDisruptionBudget', { spec: z.strictObject({ minAvailable: z.int(), selector }) }),
  object('networking.k8s.io/v1', 'NetworkPolicy', {
    spec: z.strictObject({
      podSelector: selector,
      policyTypes: z.tuple([z.literal('Ingress')]),
      ingress: z
        .array(
          z.strictObject({
            from: z.array(z.strictObject({ namespaceSelector: selector.optional(), podSelector: selector.optional() })),
            ports: z.array(z.strictObject({ port: z.string(), protocol: z.literal('TCP') })),
          }),
        )
        .optional(),
    }),
  }),
]);

type KubernetesObject = z.infer<typeof objectSchema>;
type Workload = Extract<KubernetesObject, { kind: 'Deployment' | 'StatefulSet' | 'Job' }>;
type Container = z.infer<typeof containerSchema>;

/** All objects that stand in one namespace together. */
export function lintKubernetes(documents: readonly unknown[]): string[] {
  const problems: string[] = [];
  const objects: KubernetesObject[] = [];
  for (const document of documents) {
    const parsed = objectSchema.safeParse(document);
    if (parsed.success) objects.push(parsed.data);
    else
      problems.push(
        ...parsed.error.issues.map((issue) => `${nameOf(document)} ${issue.path.join('.')}: ${issue.message}`),
      );
  }
  const names = objects.map((each) => `${each.kind} ${each.metadata.name}`);
  for (const name of names.filter((each, index) => names.indexOf(each) !== index))
    problems.push(`${name} stands twice`);
  const workloads = objects.filter((each): each is Workload =>
    ['Deployment', 'StatefulSet', 'Job'].includes(each.kind),
  );
  for (const workload of workloads) {
    const say = (what: string): number => problems.push(`${workload.metadata.name}: ${what}`);
    lintPod(workload, objects, say);
    if (workload.kind !== 'Job') lintServed(workload, objects, say);
  }
  for (const each of objects)
    lintSelector(each, workloads, (what) => problems.push(`${each.kind} ${each.metadata.name}: ${what}`));
  roles(workloads, problems);
  return problems;
}

function lintPod(workload: Workload, objects: readonly KubernetesObject[], say: (what: string) => void): void {
  const {
    containers: [container],
    volumes,
  } = workload.spec.template.spec;
  const wrongImage = imageProblem(container.image);
  if (wrongImage !== undefined) say(wrongImage);
  const mounted = container.volumeMounts.map((mount) => mount.name);
  for (const volume of mounted) if (!volumes.some((each) => each.name === volume)) say(`no volume ${volume}`);
  for (const { name } of volumes) if (!mounted.includes(name)) say(`volume ${name} is not used`);
  if (!container.volumeMounts.some((mount) => mount.mountPath === '/tmp')) say('has nowhere to put its lock (/tmp)');
  const isConsole = container.image.startsWith('inorder/console:');
  const known = isConsole ? CONSOLE_SETTINGS : ENGINE_SETTINGS;
  for (const { name, value, valueFrom } of container.env) {
    if (!known.has(name)) say(`nobody knows the setting ${name}`);
    if ((value === undefined) === (valueFrom === undefined)) say(`${name} needs a value or a place to take it from`);
    const { configMapKeyRef: fromConfig, secretKeyRef: fromSecret } = valueFrom ?? {};
    if (fromConfig !== undefined && !has(objects, 'ConfigMap', fromConfig))
      say(`no key ${fromConfig.key} in ConfigMap ${fromConfig.name}`);
    if (fromSecret !== undefined && !has(objects, 'Secret', fromSecret))
      say(`no key ${fromSecret.key} in Secret ${fromSecret.name}`);
    if (/SECRET|DATABASE_URL|REDIS_URL/.test(name) && fromSecret === undefined)
      say(`${name} is not taken from the Secret`);
  }
  if (workload.kind === 'Job') return;
  const given = container.env.map((each) => each.name);
  for (const [name, required] of known) if (required && !given.includes(name)) say(`${name} is missing`);
}

function has(
  objects: readonly KubernetesObject[],
  kind: 'ConfigMap' | 'Secret',
  { name, key }: z.infer<typeof keyRef>,
): boolean {
  return objects.some((each) => {
    if (each.kind !== kind || each.metadata.name !== name) return false;
    return key in (each.kind === 'ConfigMap' ? each.data : each.stringData);
  });
}

function lintServed(
  workload: Exclude<Workload, { kind: 'Job' }>,
  objects: readonly KubernetesObject[],
  say: (what: string) => void,
): void {
  const {
    terminationGracePeriodSeconds: graceSeconds = 30,
    containers: [container],
  } = workload.spec.template.spec;
  const isEngine = container.image.startsWith('inorder/engine:');
  const { startupProbe, livenessProbe, readinessProbe, lifecycle } = container;
  for (const [name, wanted, given] of [
    ['startup', '/livez', startupProbe],
    ['liveness', '/livez', livenessProbe],
    ['readiness', '/readyz', readinessProbe],
  ] as const) {
    if (given === undefined) {
      say(`no ${name} probe`);
      continue;
    }
    const { path, port } = given.httpGet;
    if (path !== wanted) say(`the ${name} probe asks ${path}`);
    if (!answers(isEngine ? 'engine' : 'console', path)) say(`nothing answers at ${path}`);
    if (!container.ports.some((each) => each.name === port)) say(`no port ${port}`);
  }
  // Readiness takes up to two seconds by itself.
  if ((readinessProbe?.timeoutSeconds ?? 0) < 3) say('the readiness probe gives up before the answer can be there');
  const preStopMs = Number(lifecycle?.preStop.exec.command[1] ?? 0) * 1000;
  if (preStopMs === 0) say('no preStop');
  const stopMs = isEngine ? STOP_MS_MAX : CONSOLE_STOP_MS_MAX;
  if (graceSeconds * 1000 <= preStopMs + stopMs) say(`is killed before it may have stopped (${stopMs} ms)`);
  if (workload.spec.replicas < 2) say('stands alone: nobody goes on where it ends');
  if (isEngine) lintEngine(workload, container, objects, say);
  const labelsOfPod = workload.spec.template.metadata.labels;
  if (!covers(workload.spec.selector.matchLabels, labelsOfPod)) say('its selector does not find its own pods');
  if (
    !objects.some((each) => each.kind === 'PodDisruptionBudget' && covers(each.spec.selector.matchLabels, labelsOfPod))
  )
    say('no PodDisruptionBudget');
  if (!objects.some((each) => each.kind === 'NetworkPolicy' && covers(each.spec.podSelector.matchLabels, labelsOfPod)))
    say('no NetworkPolicy');
  if (
    workload.kind === 'StatefulSet' &&
    !objects.some(
      (each) =>
        each.kind === 'Service' && each.metadata.name === workload.spec.serviceName && each.spec.clusterIP === 'None',
    )
  )
    say(`no headless Service ${workload.spec.serviceName}`);
}

function lintEngine(
  workload: Workload,
  container: Container,
  objects: readonly KubernetesObject[],
  say: (what: string) => void,
): void {
  const setting = (name: string) => container.env.find((each) => each.name === name);
  if (setting('INORDER_INSTANCE')?.valueFrom?.fieldRef?.fieldPath !== 'metadata.name')
    say('its instance is not its pod');
  if (setting('INORDER_ADMIN_HOST')?.valueFrom?.fieldRef?.fieldPath !== 'status.podIP')
    say('probes and Prometheus do not reach its admin HTTP');
  const folder = setting('INORDER_DATA_DIR')?.value;
  if (!container.volumeMounts.some((mount) => mount.mountPath === folder)) say('its data folder cannot be written');
  const hosted = rolesOf(workload);
  for (const role of hosted) if (!ROLES.includes(role)) say(`nobody knows the role ${role}`);
  // Who owns shards or queues comes back under its name, to what it had.
  if (hosted.some((role) => role === 'ingest' || role === 'deliver') && workload.kind !== 'StatefulSet')
    say('owns something and has no stable name');
  for (const [port, name] of [
    ['admin', 'INORDER_ADMIN_PORT'],
    ['amqp', 'INORDER_AMQP_PORT'],
  ] as const) {
    const open = container.ports.find((each) => each.name === port)?.containerPort;
    const from = setting(name)?.valueFrom?.configMapKeyRef;
    const config = objects.find((each) => each.kind === 'ConfigMap' && each.metadata.name === from?.name);
    const set = config?.kind === 'ConfigMap' && from !== undefined ? Number(config.data[from.key]) : undefined;
    if (open !== set) say(`port ${port} is ${open ?? 'not open'}, ${name} is ${set ?? 'not set'}`);
  }
}

function rolesOf(workload: Workload): string[] {
  const [container] = workload.spec.template.spec.containers;
  return container.env.find((each) => each.name === 'INORDER_ROLES')?.value?.split(',') ?? [];
}

/** Every role is hosted by somebody. */
function roles(workloads: readonly Workload[], problems: string[]): void {
  const hosted = new Set(workloads.flatMap(rolesOf));
  for (const role of ROLES) if (!hosted.has(role)) problems.push(`nobody hosts the role ${role}`);
}

function lintSelector(each: KubernetesObject, workloads: readonly Workload[], say: (what: string) => void): void {
  const found = (wanted: Readonly<Record<string, string>>): Workload[] =>
    workloads.filter((workload) => covers(wanted, workload.spec.template.metadata.labels));
  const portsOf = (wanted: Readonly<Record<string, string>>): string[] =>
    found(wanted).flatMap((workload) => workload.spec.template.spec.containers[0].ports.map((port) => port.name));
  if (each.kind === 'Service') {
    if (found(each.spec.selector).length === 0) say('finds no pod');
    for (const { targetPort } of each.spec.ports)
      if (!portsOf(each.spec.selector).includes(targetPort)) say(`its pods have no port ${targetPort}`);
  }
  if (each.kind === 'PodDisruptionBudget' && found(each.spec.selector.matchLabels).length !== 1)
    say('is not of one workload');
  if (each.kind === 'NetworkPolicy') {
    if (found(each.spec.podSelector.matchLabels).length === 0) say('finds no pod');
    for (const { ports } of each.spec.ingress ?? [])
      for (const { port } of ports)
        if (!portsOf(each.spec.podSelector.matchLabels).includes(port)) say(`its pods have no port ${port}`);
  }
}

function covers(wanted: Readonly<Record<string, string>>, given: Readonly<Record<string, string>>): boolean {
  return Object.entries(wanted).every(([key, value]) => given[key] === value);
}

function nameOf(document: unknown): string {
  const named = z.looseObject({ kind: z.string(), metadata: z.looseObject({ name: z.string() }) }).safeParse(document);
  return named.success ? `${named.data.kind} ${named.data.metadata.name}` : 'an object without a name';
}
