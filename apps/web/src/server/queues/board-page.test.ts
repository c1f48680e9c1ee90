import { expect, test } from 'vitest';
import { boardPage } from './board-page.ts';

const READER = { environment: 'prod', mayAct: false };

function page(block: string): string {
  return `<link rel="icon" href="static/x.svg"><link href="//fonts.example/css" rel="stylesheet"><LINK rel=x href=https://a.example>${block}`;
}

function configuration(html: string): unknown {
  return JSON.parse(/json">(.*)<\/script>/.exec(html)?.[1] ?? 'null');
}

test('what leads to a foreign host is taken out, what is the board’s own stays', () => {
  const html = boardPage(page(''), READER);
  expect(html).toBe('<link rel="icon" href="static/x.svg">');
});

test('the board’s settings stay, with ours over them, and nothing in them ends the block', () => {
  const block = '<script id="__UI_CONFIG__" type="application/json">{"boardTitle":"a","showWorkers":true}</script>';
  const html = boardPage(block, { environment: '</script>', mayAct: true });
  expect(html.match(/<\/script>/g)).toHaveLength(1);
  expect(configuration(html)).toMatchObject({
    boardTitle: 'Stage queues',
    showWorkers: true,
    hideDocsLink: true,
    miscLinks: [{ url: '/instances' }],
    environment: { label: '</SCRIPT>' },
  });
  expect(configuration(boardPage(block, READER))).toMatchObject({
    environment: { label: 'PROD · read only', color: '#b8202f' },
  });
});

test('a page without settings, or with none that can be read, is given out all the same', () => {
  const broken = '<script id="__UI_CONFIG__" type="application/json">{</script>';
  expect(boardPage(broken, READER)).toBe(broken);
  expect(boardPage('<p>x</p>', READER)).toBe('<p>x</p>');
});
