/** Where the header's box leads: `LAB-0042` to its lane, `LAB-0042:123` to the message, any other text to the board. */
export function jumpTarget(text: string): string | null {
  const trimmed = text.trim();
  if (trimmed === '') return null;
  const [, code, number] = /^([A-Za-z0-9][A-Za-z0-9-]{1,31})(?:\s*[:#/]\s*(\d{1,15}))?$/.exec(trimmed) ?? [];
  if (code !== undefined && number !== undefined) return `/messages/${code.toUpperCase()}/${Number(number)}`;
  // A code holds a digit by custom; a bare word is more likely part of a name.
  if (code !== undefined && /\d/.test(code)) return `/interfaces/${code.toUpperCase()}`;
  return `/lag?q=${encodeURIComponent(trimmed)}`;
}
