import { readdirSync, rmSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { build, type Plugin, transform } from 'esbuild'

const ROOT = join(import.meta.dirname, '../..')
const PRODUCT = ['services', 'shared']
const TESTS = [...PRODUCT, 'test', 'bench', 'examples', 'docs']

const NAMED = 'named'
const AS_MODULES = { format: 'esm', platform: 'node', target: 'node20.20', sourcesContent: false } as const

/** `program`: what node runs as the command line. `loader`: what makes it load the sources as they were compiled. */
export type Compiled = { program: string; loader: string }

/**
 * Compiles everything for one run of the tests, with maps to its TypeScript lines: a process of it starts in a third of
 * the time that its sources take. A folder of this run alone, which goes with this process, so that nothing is ever
 * older than what stands in the sources. Rejects for a file that cannot be compiled.
 */
export async function compile(): Promise<Compiled> {
  // As deep below the checkout as dist/ is.
  const folder = await mkdtemp(join(ROOT, '.compiled-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  await Promise.all([compileProgram(folder), ...TESTS.flatMap(sourcesIn).map((file) => compileNamed(file, folder))])
  return {
    program: join(folder, 'services/cli/main.js'),
    loader: join(folder, NAMED, 'test/support/loading/register.ts.js'),
  }
}

/** As files that import each other: what runs them needs no loader. */
async function compileProgram(folder: string): Promise<void> {
  await build({
    ...AS_MODULES,
    absWorkingDir: ROOT,
    entryPoints: PRODUCT.flatMap(sourcesIn),
    outbase: '.',
    outdir: folder,
    bundle: true,
    plugins: [fileByFile],
    sourcemap: true,
    logLevel: 'silent',
  })
}

/** As what a loader gives for the source, which keeps its own name: tests find their files by it. */
async function compileNamed(file: string, folder: string): Promise<void> {
  const path = join(folder, NAMED, `${file}.js`)
  const { code } = await transform(await readFile(join(ROOT, file), 'utf8'), {
    ...AS_MODULES,
    loader: file.endsWith('x') ? 'tsx' : 'ts',
    sourcefile: basename(file),
    sourcemap: 'inline',
    logLevel: 'silent',
  })
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, code)
}

function sourcesIn(folder: string): string[] {
  const files = readdirSync(join(ROOT, folder), { encoding: 'utf8', recursive: true })
  return files.filter((file) => /(?<!\.d)\.tsx?$/.test(file)).map((file) => join(folder, file))
}

/** Each file stays a file, and imports the compiled one beside it. */
const fileByFile: Plugin = {
  name: 'file by file',
  setup({ onResolve }) {
    onResolve({ filter: /./ }, ({ kind, path }) =>
      kind === 'entry-point'
        ? undefined
        : { path: path.startsWith('.') ? path.replace(/\.tsx?$/, '.js') : path, external: true },
    )
  },
}
