import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import ts from 'typescript'

const ROOT = resolve(import.meta.dirname, '../..')

/** A file of ours, its path from the root of the repository. */
export type Source = { file: string; text: string; tree: ts.SourceFile }

/** Every TypeScript file below these folders, those with components too. */
export function sourcesIn(...folders: string[]): Source[] {
  return folders.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.tsx?$/.test(file))
      .map((file) => sourceOf(join(folder, file))),
  )
}

function sourceOf(file: string): Source {
  const text = readFileSync(join(ROOT, file), 'utf8')
  return { file, text, tree: ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true, kindOf(file)) }
}

function kindOf(file: string): ts.ScriptKind {
  return file.endsWith('x') ? ts.ScriptKind.TSX : ts.ScriptKind.TS
}

/** `to`: a file of ours, or the name of a package. */
export type Import = { from: string; to: string }

/** Everything that a file imports or exports again, types and `import()` as well. */
export function importsOf({ file, tree }: Source): Import[] {
  return nodesOf(tree).flatMap((node) => {
    const specifier = specifierOf(node)
    if (!specifier || !ts.isStringLiteral(specifier)) return []
    const { text } = specifier
    return [{ from: file, to: text.startsWith('.') ? relative(ROOT, join(ROOT, dirname(file), text)) : text }]
  })
}

function specifierOf(node: ts.Node): ts.Node | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return node.moduleSpecifier
  if (ts.isImportTypeNode(node)) return ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) return node.arguments[0]
  return undefined
}

/** The files of each circle of imports. */
export function circlesOf(imports: readonly Import[]): string[] {
  const next = new Map<string, string[]>()
  for (const { from, to } of imports) next.set(from, [...(next.get(from) ?? []), to])
  const done = new Set<string>()
  const circles: string[] = []

  function walk(file: string, way: string[]): void {
    const at = way.indexOf(file)
    if (at >= 0) circles.push([...way.slice(at), file].join(' -> '))
    if (at >= 0 || done.has(file)) return
    for (const to of next.get(file) ?? []) walk(to, [...way, file])
    done.add(file)
  }

  for (const file of next.keys()) walk(file, [])
  return circles
}

/** A function with a name of its own, and how many lines it has from its head to its end. */
export type NamedFunction = { name: string; file: string; lines: number; isFactory: boolean }

/** The functions and methods of a file that have names. Those inside another count by themselves and in it. */
export function functionsOf({ file, tree }: Source): NamedFunction[] {
  return nodesOf(tree).flatMap((node) => {
    const named = nameAndBody(node)
    if (!named) return []
    const [first, last] = [named.head.getStart(tree), named.head.getEnd()].map(
      (position) => tree.getLineAndCharacterOfPosition(position).line,
    )
    return [{ name: named.name, file, lines: (last ?? 0) - (first ?? 0) + 1, isFactory: isFactory(named) }]
  })
}

type Named = { name: string; head: ts.FunctionLikeDeclaration }

function nameAndBody(node: ts.Node): Named | null {
  if ((ts.isFunctionDeclaration(node) || ts.isMethodDeclaration(node)) && node.body && node.name)
    return { name: node.name.getText(), head: node }
  const holds = ts.isVariableDeclaration(node) || ts.isPropertyAssignment(node)
  if (!holds || !node.initializer) return null
  const { initializer } = node
  if (!ts.isArrowFunction(initializer) && !ts.isFunctionExpression(initializer)) return null
  return { name: node.name.getText(), head: initializer }
}

/** What makes a part out of functions: its name says so, or it returns an object that has some. */
function isFactory({ name, head }: Named): boolean {
  if (/^(create|start|follow|open)([A-Z]|$)/.test(name)) return true
  if (!head.body || !ts.isBlock(head.body)) return false
  const own = new Set(head.body.statements.filter(ts.isFunctionDeclaration).map((inner) => inner.name?.text))
  return head.body.statements.some(
    (statement) =>
      ts.isReturnStatement(statement) &&
      statement.expression !== undefined &&
      ts.isObjectLiteralExpression(statement.expression) &&
      statement.expression.properties.some((property) => isFunctionIn(property, own)),
  )
}

function isFunctionIn(property: ts.ObjectLiteralElementLike, own: ReadonlySet<string | undefined>): boolean {
  if (ts.isMethodDeclaration(property)) return true
  if (ts.isShorthandPropertyAssignment(property)) return own.has(property.name.text)
  return ts.isPropertyAssignment(property) && ts.isFunctionLike(property.initializer)
}

function nodesOf(root: ts.Node): ts.Node[] {
  const nodes: ts.Node[] = []
  const walk = (node: ts.Node): void => {
    nodes.push(node)
    ts.forEachChild(node, walk)
  }
  walk(root)
  return nodes
}

/** The lines that hold a comment, or a part of one. */
export function commentLines({ text }: Source): string[] {
  return text.split('\n').filter((line) => /^\s*(\/\/|\/\*|\*)|\s\/\/ /.test(line))
}
