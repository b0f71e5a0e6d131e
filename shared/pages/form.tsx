/** @jsxRuntime automatic @jsxImportSource preact */
import type { ComponentChildren } from 'preact'
import { boxName } from './ticked.ts'

/** What a form brings back unseen: the request it belongs to, and the value beside the cookie. */
export type Hidden = Readonly<Record<string, string>>

export type FormProps = { action: string; hidden: Hidden; children: ComponentChildren }

/** A form that is posted to `action`. */
export function Form({ action, hidden, children }: FormProps) {
  return (
    <form method="post" action={action}>
      {Object.entries(hidden).map(([name, value]) => (
        <input key={name} type="hidden" name={name} value={value} />
      ))}
      {children}
    </form>
  )
}

const PROBLEM_ID = 'problem'

/** What was wrong with what was sent, announced at once. Fields that are `wrong` refer to it. */
export function Problem({ children }: { children: ComponentChildren }) {
  return (
    <div class="notice bad" role="alert" id={PROBLEM_ID}>
      {children}
    </div>
  )
}

/** What has just been done, or is to be known. */
export function Notice({ children }: { children: ComponentChildren }) {
  return (
    <div class="notice good" role="status">
      {children}
    </div>
  )
}

/** The words of autofill (HTML §4.10.18.7) that we use; never `off`, or password managers guess. */
export type Autocomplete = 'username' | 'current-password' | 'new-password'

export type FieldProps = {
  name: string
  label: string
  autocomplete: Autocomplete
  value?: string | undefined
  hint?: string | undefined
  /** The problem on this page is about it. */
  wrong?: boolean | undefined
  focus?: boolean | undefined
  readonly?: boolean | undefined
}

const NAME = { type: 'text', autocapitalize: 'none', spellcheck: false } as const

const PASSWORD = { type: 'password' } as const

/** One line of text, or a password, under its label. */
export function Field({ name, label, autocomplete, value, hint, wrong, focus, readonly }: FieldProps) {
  const hintId = `${name}-hint`
  const describedBy = [wrong && PROBLEM_ID, hint !== undefined && hintId].filter(Boolean).join(' ')
  return (
    <div class="field">
      <label for={name}>{label}</label>
      {hint !== undefined && (
        <p class="hint" id={hintId}>
          {hint}
        </p>
      )}
      <input
        id={name}
        name={name}
        autocomplete={autocomplete}
        {...(autocomplete === 'username' ? NAME : PASSWORD)}
        {...(value !== undefined && { value })}
        {...(describedBy !== '' && { 'aria-describedby': describedBy })}
        {...(wrong && { 'aria-invalid': 'true' })}
        {...(readonly ? { readonly } : { required: true })}
        {...(focus && { autofocus: true })}
      />
    </div>
  )
}

export type ButtonProps = {
  children: ComponentChildren
  /** What the form says beside its fields when this button sends it. */
  name?: string
  value?: string
  /** `main`: what most people are here for. `link`: looks like one. */
  kind?: 'main' | 'plain' | 'link'
}

/** Sends its form. */
export function Button({ children, kind = 'main', ...sent }: ButtonProps) {
  return (
    <button type="submit" class={`button ${kind}`} {...sent}>
      {children}
    </button>
  )
}

/** Buttons side by side, or below each other where there is no room. */
export function Buttons({ children }: { children: ComponentChildren }) {
  return <div class="buttons">{children}</div>
}

export type Choice = { value: string; checked: boolean; content: ComponentChildren; detail?: ComponentChildren }

/** Boxes to tick; `ticked` reads which were. */
export function CheckList({ name, legend, choices }: { name: string; legend: string; choices: readonly Choice[] }) {
  return (
    <fieldset>
      <legend>{legend}</legend>
      <ul class="choices">
        {choices.map(({ value, checked, content, detail }, at) => (
          <li key={value}>
            <label>
              <input type="checkbox" name={boxName(name, at)} value={value} checked={checked} />
              <span>{content}</span>
            </label>
            {detail !== undefined && <div class="detail">{detail}</div>}
          </li>
        ))}
      </ul>
    </fieldset>
  )
}

/** For screen readers alone: what the eye sees from the place. */
export function Unseen({ children }: { children: ComponentChildren }) {
  return <span class="unseen">{children}</span>
}
