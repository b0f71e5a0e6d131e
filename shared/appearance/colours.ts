/** The two appearances of the pages; the browser says which one its user wants. */
export type Mode = 'light' | 'dark'

/** The colours that a page is made of, but for the accent, as `#rrggbb`. Text has 4.5:1 on both grounds, edges 3:1. */
export const GROUNDS = {
  light: { page: '#f3f4f6', card: '#ffffff' },
  dark: { page: '#101216', card: '#191c22' },
} as const satisfies Record<Mode, Record<string, string>>

/** Contrast that WCAG 2.2 AA asks of text (1.4.3), and of what one must see to use a page (1.4.11). */
export const TEXT_CONTRAST = 4.5
export const EDGE_CONTRAST = 3

const COLOUR = /^#[\da-f]{6}$/i

/** A colour for buttons and the focus in this mode. Throws an Error where it cannot be seen on a ground of it. */
export function readAccent(text: string, mode: Mode): string {
  if (!COLOUR.test(text)) throw new Error('must be a colour in the form #1a2b3c')
  const least = Math.min(...Object.values(GROUNDS[mode]).map((ground) => contrast(text, ground)))
  if (least >= EDGE_CONTRAST) return text.toLowerCase()
  const change = mode === 'light' ? 'darker' : 'lighter'
  throw new Error(
    `has a contrast of ${least.toFixed(1)}:1 on the ${mode} background, and WCAG 2.2 AA asks for ${EDGE_CONTRAST}:1: take a ${change} one`,
  )
}

/** Black or white, whichever is read better on this colour: one of them always has 4.5:1. */
export function textOn(colour: string): '#ffffff' | '#000000' {
  return contrast(colour, '#ffffff') >= TEXT_CONTRAST ? '#ffffff' : '#000000'
}

/** The ratio of two colours (WCAG 2.2, "contrast ratio"): from 1 to 21. */
export function contrast(one: string, other: string): number {
  const [lighter = 0, darker = 0] = [luminance(one), luminance(other)].sort((a, b) => b - a)
  return (lighter + 0.05) / (darker + 0.05)
}

/** WCAG 2.2, "relative luminance". */
function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const part = parseInt(colour.slice(at, at + 2), 16) / 255
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}
