// The house has six rules. Each stands here with its reason; `inorder check` runs them on every file.

const { Visitor } = require('@swc/core/Visitor.js');

// swc parses `using` declarations, and its visitor, which dependency-cruiser walks with, then throws at them.
const visitStatement = Visitor.prototype.visitStatement;
Visitor.prototype.visitStatement = function (statement) {
  if (statement.type !== 'UsingDeclaration') return visitStatement.call(this, statement);
  for (const declarator of statement.decls) this.visitVariableDeclarator(declarator);
  return statement;
};

/** Tests may use what the thing they test may not. Their folders and names: */
const TESTS = ['\\.test\\.tsx?$', '/test/', '/test-[^/]+\\.ts$', '/testing/'];

const vendorRule = (name, library, folders, reason) => ({
  name: `vendor-in-its-adapter-${name}`,
  comment: `Rule 5: ${reason}`,
  severity: 'error',
  from: { path: '^apps/engine/', pathNot: [...TESTS, ...folders] },
  to: { path: `(^|/)node_modules/${library}/` },
});

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'core-depends-on-nothing',
      comment:
        'Rule 1: the lane is decided by pure functions. Without dependencies, clock, random or I/O it can be tested by the million and reasoned about alone.',
      severity: 'error',
      from: { path: '^packages/core/src/', pathNot: TESTS },
      to: { pathNot: '^packages/core/src/' },
    },
    {
      name: 'shared-depends-on-core',
      comment:
        'Rule 2: wire contracts are what browser, engine and CLI agree on, so they may bring along nothing but zod and core.',
      severity: 'error',
      from: { path: '^packages/shared/src/', pathNot: TESTS },
      to: { pathNot: ['^packages/(shared|core)/src/', '(^|/)node_modules/zod/'] },
    },
    {
      name: 'db-depends-on-core',
      comment:
        'Rule 3: the database package serves engine, console and CLI alike; knowing one of them would drag it into the others.',
      severity: 'error',
      from: { path: '^packages/db/', pathNot: TESTS },
      to: { path: '^(apps|bench|e2e|packages/hl7|packages/testkit)/' },
    },
    {
      name: 'no-app-depends-on-another-app',
      comment:
        'Rule 4: apps are processes that meet on wires (SQL, HTTP, Redis, AMQP). What two of them need is a package.',
      severity: 'error',
      from: { path: '^apps/([^/]+)/' },
      to: { path: '^apps/', pathNot: '^apps/$1/' },
    },
    vendorRule(
      'rhea',
      'rhea',
      ['^apps/engine/src/adapters/amqp/'],
      'rhea has traps that lose messages; one folder meets them, with a test for each.',
    ),
    vendorRule(
      'bullmq',
      '(bullmq|ioredis)',
      ['^apps/engine/src/adapters/redis/'],
      'Redis is a hint: code that cannot see it cannot come to depend on it.',
    ),
    vendorRule(
      'bull-board',
      '@bull-board',
      ['^apps/engine/src/admin/'],
      'the board is a page of the admin HTTP, held to its rights; it is given queues and knows nothing of how they are made.',
    ),
    vendorRule(
      'pg',
      'pg',
      ['^apps/engine/src/adapters/postgres/'],
      'statements of the hot path stand in one file, named, with their plans tested.',
    ),
    vendorRule(
      'hono',
      '(hono|@hono)',
      ['^apps/engine/src/admin/'],
      'the admin HTTP is a window on the engine, never a way through it.',
    ),
    {
      name: 'engine-asks-brokers-only',
      comment:
        'Rule 5: of packages/brokers, which also runs brokers, an engine has the one question whether queues are exclusive. Its connections carry no message.',
      severity: 'error',
      from: { path: '^apps/engine/', pathNot: TESTS },
      to: { path: '^packages/brokers/', pathNot: '^packages/brokers/src/check-exclusive\\.ts$' },
    },
    {
      name: 'product-never-uses-testkit',
      comment: 'Rule 6: a product that can reach its test services sooner or later has a switch that only tests use.',
      severity: 'error',
      from: { path: '^(apps|packages)/', pathNot: [...TESTS, '^packages/testkit/'] },
      to: { path: '^packages/testkit/' },
    },
    {
      name: 'every-import-resolves',
      comment: 'What cannot be resolved cannot be judged by the rules above, and would pass all of them.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true, pathNot: ['generated/'] },
    },
  ],
  options: {
    // TypeScript 7 has no JavaScript API to parse with; swc reads the same syntax.
    parser: 'swc',
    tsPreCompilationDeps: true,
    doNotFollow: { path: ['node_modules', 'generated'] },
    exclude: { path: ['\\.next/', '/generated/', 'test-results/', 'next-env'] },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.tsx', '.mts', '.mjs', '.js', '.cjs', '.json', '.d.ts'],
    },
  },
};
