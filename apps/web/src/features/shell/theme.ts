export const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

/** Not a secret and not for scripts of others: the server needs it before the first paint. */
export const THEME_COOKIE = 'inorder-theme';

export function parseTheme(text: string | undefined): Theme {
  return THEMES.find((theme) => theme === text) ?? 'system';
}
