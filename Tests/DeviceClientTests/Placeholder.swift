import Testing

@Suite struct DeviceClientPlaceholder {}
