export const SERVICES = ['token-endpoint', 'token-check', 'projector', 'admin', 'audit'] as const

export type ServiceName = (typeof SERVICES)[number]
