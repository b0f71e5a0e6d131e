import { z } from 'zod'
import {
  CLIENT_VARIABLES,
  devDefaults,
  isSecret,
  PREFIX,
  SETTING_NAMES,
  type SettingName,
  settingsSchema,
} from './settings.ts'

/** The table of all settings in docs/settings.md, made from the schema that reads them. */
export function settingsTable(): string {
  const rows = SETTING_NAMES.map((name) => [
    nameCell(name),
    defaultCell(name),
    settingsSchema.shape[name].description ?? '',
  ])
  const client = Object.entries(CLIENT_VARIABLES).map(([name, description]) => [
    `\`${PREFIX}${name}\``,
    '',
    `Command line only. ${description}`,
  ])
  const lines = [['Setting', 'Default', 'What it is'], ['---', '---', '---'], ...rows, ...client]
  return lines.map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`).join('')
}

function nameCell(name: SettingName): string {
  return isSecret(name) ? `\`${PREFIX}${name}\` or \`…_FILE\`` : `\`${PREFIX}${name}\``
}

function defaultCell(name: SettingName): string {
  const schema: z.ZodType = settingsSchema.shape[name]
  const usual = schema instanceof z.ZodPrefault ? `\`${String(schema.def.defaultValue)}\`` : ''
  const required = schema.safeParse(undefined).success ? '' : 'required'
  const dev = devDefaults({})[name as keyof ReturnType<typeof devDefaults>]
  return [usual || required, dev ? `dev mode: \`${dev}\`` : ''].filter(Boolean).join('; ')
}
