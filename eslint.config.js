import js from '@eslint/js'
import tseslint from 'typescript-eslint'

const WORDS_OF_THE_BROWSER = [
  ...[
    'close',
    'closed',
    'event',
    'external',
    'find',
    'focus',
    'frames',
    'history',
    'length',
    'location',
    'name',
    'open',
  ],
  ...['opener', 'origin', 'parent', 'print', 'screen', 'scroll', 'self', 'status', 'stop', 'top'],
]

export default tseslint.config(
  { ignores: ['dist/', '.compiled-*/', 'node_modules/', '.ledger/', '.kafka/', '.schemathesis/', 'bench/results/'] },
  js.configs.recommended,
  tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/require-await': 'off',
      // Our objects are made by factories, and their functions use no `this`.
      '@typescript-eslint/unbound-method': 'off',
      // Types of the browser come with those of the components: their globals of one word would hide a mistake.
      'no-restricted-globals': ['error', ...WORDS_OF_THE_BROWSER],
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
    },
  },
  {
    files: ['test/**', 'bench/**'],
    rules: {
      'max-lines-per-function': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
    },
  },
  { files: ['*.js'], extends: [tseslint.configs.disableTypeChecked] },
)
