/**
 * bull-board's page as the console gives it out: no link to a foreign host, the console's colours, a way back to it, and
 * above everything where one is and whether one may act. The board reads these from a JSON block in its page; a page
 * without that block is given out as it is.
 */
const CONFIGURATION = /(<script id="__UI_CONFIG__" type="application\/json">)([^<]*)(<\/script>)/;
/** The board links a font service. The policy would refuse it; without the link nobody even tries. */
const FOREIGN_LINK = /<link\b[^>]*\bhref=["']?(?:https?:)?\/\/[^>]*>/gi;

const FONTS = {
  'font-sans': 'ui-sans-serif, system-ui, sans-serif',
  'font-mono': 'ui-monospace, monospace',
};

/** The colours of globals.css under the names that the board has for them. */
const THEME = {
  light: {
    ...FONTS,
    background: '#f7f7f5',
    foreground: '#16181b',
    card: '#ffffff',
    popover: '#ffffff',
    primary: '#2f4ac7',
    'primary-foreground': '#ffffff',
    secondary: '#f1f1ee',
    'secondary-foreground': '#16181b',
    muted: '#f1f1ee',
    'muted-foreground': '#55595f',
    accent: '#e9edfd',
    'accent-foreground': '#2f4ac7',
    destructive: '#b8202f',
    border: '#e5e5e0',
    input: '#cfcfc9',
    sidebar: '#ffffff',
    'sidebar-foreground': '#16181b',
    'sidebar-accent': '#f4f4f1',
    'sidebar-border': '#e5e5e0',
  },
  dark: {
    ...FONTS,
    background: '#0d0e10',
    foreground: '#eceef0',
    card: '#151719',
    popover: '#1b1e21',
    primary: '#93a5ff',
    'primary-foreground': '#0d1233',
    secondary: '#202327',
    'secondary-foreground': '#eceef0',
    muted: '#202327',
    'muted-foreground': '#a5abb3',
    accent: '#1d2547',
    'accent-foreground': '#93a5ff',
    destructive: '#ff7d87',
    border: '#26292e',
    input: '#3a3f46',
    sidebar: '#151719',
    'sidebar-foreground': '#eceef0',
    'sidebar-accent': '#1b1e22',
    'sidebar-border': '#26292e',
  },
};

/** As in the console's own header: PROD red, UAT amber, anything else grey. */
const ENVIRONMENT_COLOURS: Readonly<Record<string, string>> = { PROD: '#b8202f', UAT: '#8a5300' };

export interface BoardReader {
  readonly environment: string;
  readonly mayAct: boolean;
}

export function boardPage(html: string, { environment, mayAct }: BoardReader): string {
  const name = environment.toUpperCase();
  const ours = {
    boardTitle: 'Stage queues',
    miscLinks: [{ text: 'Back to the console', url: '/instances' }],
    // It leads to the board's maker.
    hideDocsLink: true,
    theme: THEME,
    environment: {
      label: mayAct ? name : `${name} · read only`,
      color: ENVIRONMENT_COLOURS[name] ?? '#55595f',
      textColor: '#ffffff',
    },
  };
  return html.replaceAll(FOREIGN_LINK, '').replace(CONFIGURATION, (whole, begin: string, json: string, end: string) => {
    const theirs = objectOf(json);
    if (theirs === null) return whole;
    const merged = JSON.stringify({ ...theirs, ...ours })
      .replaceAll('<', '\\u003c')
      .replaceAll('>', '\\u003e');
    return begin + merged + end;
  });
}

function objectOf(json: string): object | null {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' ? value : null;
  } catch {
    return null;
  }
}
