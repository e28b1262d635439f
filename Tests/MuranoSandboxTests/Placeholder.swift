import Testing

@Suite struct MuranoSandboxPlaceholder {}
