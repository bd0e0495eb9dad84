// Every golden case that concerns a client, in Node.js.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { check, FILES } from './vectors.mjs'

test('all golden data that concern a client hold', async () => {
  const folder = new URL('../../../contracts/vectors/', import.meta.url)
  const read = (name) => JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8'))
  const { count, wrong } = await check(Object.fromEntries(FILES.map((name) => [name, read(name)])))
  assert.deepEqual(wrong, [])
  assert.ok(count > 150, `only ${count} cases`)
})
