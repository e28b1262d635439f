import Testing

@Suite struct GatewayModelPlaceholder {}
