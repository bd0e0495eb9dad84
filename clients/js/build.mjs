// Builds dist/: one bundle for each entry point, and the declarations. `node build.mjs [folder]` builds elsewhere.
import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const here = dirname(fileURLToPath(import.meta.url))
const out = resolve(process.argv[2] ?? join(here, 'dist'))
const entries = ['index', 'element', 'noble', 'testing', 'verify'].filter((name) =>
  existsSync(join(here, 'src', `${name}.ts`)),
)

// An entry point loads the client and the fallback from their own files, so that a page has each of them once.
const shared = {
  name: 'shared entry points',
  setup: (building) => {
    building.onResolve({ filter: /(^|\/)(index|noble)\.js$/ }, ({ kind, path }) =>
      kind === 'entry-point' ? undefined : { path: `./${path.split('/').at(-1)}`, external: true },
    )
  },
}

rmSync(out, { recursive: true, force: true })
await build({
  absWorkingDir: here,
  bundle: true,
  charset: 'utf8',
  entryPoints: entries.map((name) => `src/${name}.ts`),
  format: 'esm',
  legalComments: 'inline',
  lineLimit: 120,
  logLevel: 'warning',
  minify: true,
  outdir: out,
  plugins: [shared],
  target: 'es2022',
})
const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc')
execFileSync(process.execPath, [tsc, '--project', here, '--outDir', out], { stdio: 'inherit' })

// The package has the licence of the repository, which is kept in one place.
const license = join(here, '..', '..', 'LICENSE')
if (existsSync(license)) copyFileSync(license, join(here, 'LICENSE'))

