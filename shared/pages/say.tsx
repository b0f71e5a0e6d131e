/** @jsxRuntime automatic @jsxImportSource preact */
import type { ComponentChildren } from 'preact'
import type { Placeholder, TextName } from '../appearance/english.ts'
import type { Texts } from '../appearance/texts.ts'

type Values<N extends TextName, V> = Record<Placeholder<N>, V>

/** A text with what is filled into it. The compiler knows which names each text has. */
export function say<N extends TextName>(texts: Texts, name: N, values: Values<N, string | number>): string {
  return texts[name].replace(/\{(\w+)\}/g, (_all, key: string) => String(valueOf(values, key)))
}

/** The same with elements in it: a name in bold within its sentence. */
export function Say<N extends TextName>(props: { texts: Texts; name: N; values: Values<N, ComponentChildren> }) {
  const parts = props.texts[props.name].split(/\{(\w+)\}/)
  return <>{parts.map((part, at) => (at % 2 === 0 ? part : valueOf(props.values, part)))}</>
}

function valueOf<V>(values: Record<string, V>, key: string): V | undefined {
  return Object.hasOwn(values, key) ? values[key] : undefined
}
