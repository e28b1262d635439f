import Testing

@Suite struct GatewaySystemPlaceholder {}
