import Testing

@Suite struct GatewayAgentPlaceholder {}
