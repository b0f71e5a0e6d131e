import type { Form } from '../http/input/form-body.ts'

/** The name of one box of a `CheckList`: a parameter may not be repeated, so each has its own. */
export function boxName(list: string, at: number): string {
  return `${list}_${at}`
}

/** What was ticked in a `CheckList` of this name. */
export function ticked(form: Form, list: string): string[] {
  const box = new RegExp(`^${list}_\\d+$`)
  return Object.entries(form).flatMap(([name, value]) => (box.test(name) ? [value] : []))
}
