/** Who may do what. The server enforces it; the console mirrors it and names the right that is missing. */
export const ROLES = ['viewer', 'analyst', 'operator', 'integrator', 'auditor', 'admin'] as const;
export type Role = (typeof ROLES)[number];

export const PERMISSIONS = [
  'lane.read',
  'payload.read', // masked
  'phi.reveal', // never part of a role: a right of its own beside it
  'lane.replayOne',
  'lane.act', // skip, replay many, pause, resume, resolve unknown
  'config.read',
  'config.write',
  'audit.read',
  'users.manage',
  'queues.read', // the stage queues, through bull-board
  'queues.act', // retry, remove, pause and the like there
] as const;
export type Permission = (typeof PERMISSIONS)[number];

const READ: readonly Permission[] = ['lane.read', 'config.read'];

export const ROLE_PERMISSIONS: Record<Role, readonly Permission[]> = {
  viewer: READ,
  analyst: [...READ, 'payload.read', 'lane.replayOne', 'queues.read'],
  operator: [...READ, 'payload.read', 'lane.replayOne', 'lane.act', 'queues.read'],
  integrator: [...READ, 'payload.read', 'config.write', 'queues.read'],
  auditor: [...READ, 'audit.read'],
  admin: PERMISSIONS.filter((p) => p !== 'phi.reveal'),
};

export function isRole(text: string): text is Role {
  return (ROLES as readonly string[]).includes(text);
}

export function may(user: { readonly role: Role; readonly phiReveal: boolean }, permission: Permission): boolean {
  if (permission === 'phi.reveal') return user.phiReveal;
  return ROLE_PERMISSIONS[user.role].includes(permission);
}
