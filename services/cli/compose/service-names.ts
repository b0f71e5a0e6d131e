export const SERVICES = ['token-endpoint', 'token-check', 'projector', 'admin', 'audit', 'authorize'] as const

export type ServiceName = (typeof SERVICES)[number]
