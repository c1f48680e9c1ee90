import type { Permission } from '@inorder/shared';
import { Activity, type LucideIcon, MailSearch, MailX, ScrollText, Server } from 'lucide-react';

export interface NavigationItem {
  readonly href: string;
  /** After `g` it leads here. */
  readonly key: string;
  readonly label: string;
  readonly icon: LucideIcon;
  /** Other paths that belong to it. */
  readonly also?: readonly string[];
  /** Without it the item is shown, and says what is missing. */
  readonly permission: Permission;
}

export const NAVIGATION: readonly NavigationItem[] = [
  { href: '/lag', key: 'l', label: 'Lanes', icon: Activity, also: ['/interfaces'], permission: 'lane.read' },
  { href: '/dlq', key: 'd', label: 'Dead letters', icon: MailX, permission: 'lane.read' },
  { href: '/messages', key: 'm', label: 'Messages', icon: MailSearch, permission: 'lane.read' },
  { href: '/instances', key: 'i', label: 'Instances', icon: Server, also: ['/queues'], permission: 'lane.read' },
  { href: '/audit', key: 'a', label: 'Audit', icon: ScrollText, permission: 'audit.read' },
];
