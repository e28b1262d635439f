import MuranoSandbox

MuranoSandboxCommandLine.main()
