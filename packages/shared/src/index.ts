export * from './interface-document.ts';
