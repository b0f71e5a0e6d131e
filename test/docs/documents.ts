import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'

export const ROOT = join(import.meta.dirname, '../..')

/** Where documents of others lie, or what a run leaves behind. */
const NOT_OURS = new Set(['node_modules', 'dist', 'coverage'])

/** The text of a file, its path from the root of the repository. */
export const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')

/** Every Markdown document of the repository, wherever it lies. */
export function documents(folder = ROOT): { path: string; text: string }[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return NOT_OURS.has(entry.name) || entry.name.startsWith('.') ? [] : documents(path)
    return entry.name.endsWith('.md') ? [{ path: relative(ROOT, path), text: readFileSync(path, 'utf8') }] : []
  })
}

/** A document without its blocks of code, in which `#` begins no heading. */
export function withoutCode(text: string): string {
  return text.replaceAll(/^( *)```[^]*?^\1```$/gm, '')
}

/** A block of code as it is pasted; `line` is that of its first line. */
export type Block = { path: string; line: number; lines: string[] }

/** The blocks of this language that README.md and docs/ show, in their order. */
export function blocks(language: string): Block[] {
  const fence = new RegExp(`^( *)\`\`\`${language}\\n([^]*?)^\\1\`\`\`$`, 'gm')
  return documents()
    .filter(({ path }) => path === 'README.md' || /^docs\/[^/]+$/.test(path))
    .flatMap(({ path, text }) =>
      [...text.matchAll(fence)].map(({ index, 1: indent = '', 2: code = '' }) => ({
        path,
        line: text.slice(0, index).split('\n').length + 1,
        lines: code
          .trimEnd()
          .split('\n')
          .map((line) => line.slice(indent.length)),
      })),
    )
}
