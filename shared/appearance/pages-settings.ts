import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { type Mode, readAccent } from './colours.ts'
import { type Picture, readPicture } from './logo.ts'
import { readTexts, type Texts } from './texts.ts'
import { readNamedFile, systemReason } from '../config/secret-file.ts'
import { orIssue } from '../config/values.ts'

const line = (most: number) =>
  z
    .string()
    .trim()
    .regex(/^\P{Cc}*$/u, 'must be one line of text')
    .max(most, `must have at most ${most} characters`)

const accentOn = (mode: Mode) => z.string().transform(orIssue((text) => readAccent(text, mode)))

const picture = z.string().transform(orIssue(pictureIn))

const texts = z.string().transform(orIssue(textsIn))

/** How the pages look that people see, a part of all settings. */
export const PAGES_SETTINGS = {
  PAGES_TITLE: line(60).prefault('token-ledger').describe('Name of the service on the pages for people'),
  PAGES_HEADING: line(100).optional().describe('A line above the login, such as `Welcome to Example`'),
  PAGES_FOOTER: line(300).optional().describe('A line below every page, such as whom to ask for help'),
  PAGES_LOGO: picture.optional().describe('Path of a PNG, WebP or SVG file, at most 512 KiB, shown on every page'),
  PAGES_ACCENT: accentOn('light')
    .prefault('#3866d6')
    .describe('Colour of buttons and of the focus, `#rrggbb`. Refused where its contrast is too low (WCAG 2.2 AA)'),
  PAGES_ACCENT_DARK: accentOn('dark')
    .optional()
    .describe('The same on a dark background; without it `LEDGER_PAGES_ACCENT` is used there as well'),
  PAGES_TEXTS: texts
    .optional()
    .describe('Path of a JSON file with [texts in another language](pages.md#another-language)'),
}

/** What keeps the accent from being used on a dark background, where no other was given for that. */
export function darkAccent(settings: { PAGES_ACCENT: string; PAGES_ACCENT_DARK?: string | undefined }): string[] {
  if (settings.PAGES_ACCENT_DARK !== undefined) return []
  try {
    readAccent(settings.PAGES_ACCENT, 'dark')
    return []
  } catch (error) {
    return [`LEDGER_PAGES_ACCENT ${messageOf(error)} as LEDGER_PAGES_ACCENT_DARK`]
  }
}

function pictureIn(path: string): Picture {
  try {
    return readPicture(readFileSync(path))
  } catch (error) {
    const fromSystem = error instanceof Error && 'code' in error
    const reason = fromSystem ? `cannot be read: ${systemReason(error)}` : messageOf(error)
    throw new Error(`must be the path of a PNG, WebP or SVG file: ${path} ${reason}`, { cause: error })
  }
}

function textsIn(path: string): Texts {
  const read = readNamedFile(path)
  if (read.text === undefined) throw new Error(`must be the path of a JSON file of texts: ${read.problem}`)
  try {
    return readTexts(read.text)
  } catch (error) {
    throw new Error(`names ${path}: ${messageOf(error)}`, { cause: error })
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
