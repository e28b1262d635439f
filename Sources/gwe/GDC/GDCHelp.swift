/// The help of `gdc` and of its groups. It begins with examples: most people want one of them.
enum GDCHelp {
    static func text(_ words: [String]) -> String {
        switch words.first {
        case "cfg": configuration
        case "http": https
        case "mqtt": mqtt
        case "write": write
        default: root
        }
    }

    private static let root = """
        EXAMPLES:
          gdc -f gwe http read temperature            as this gateway, with its own token
          gdc -f gwe http write temperature 21.5
          gdc -f app.ini http activate                as a device of its own, kept in app.ini
          GDC_TOKEN=… gdc -H https://PRODUCT.m2.exosite.io http read temperature
          gdc cfg app.ini get device murano_id

        USAGE: gdc [options] cfg <file> …             read and change an INI file ('gdc cfg -h')
               gdc [options] http <command> …         one call of Murano's HTTPS device API ('gdc http -h')
               gdc [options] mqtt <command> …         the same over MQTT ('gdc mqtt -h')
               gdc [options] write <cik> <alias> <value>   as older versions had it ('gdc write -h')

        """ + options

    private static let https = """
        EXAMPLES:
          gdc -f gwe http read temperature humidity
          gdc -f gwe http poll setpoint 60000         wait a minute at most; 304 says that nothing came
          sensor | gdc -f gwe http write temperature -     one write a line
          gdc -f gwe http content download app.v3.tar.gz   into the working folder, and goes on after a cut

        USAGE: gdc [options] http timestamp
               gdc [options] http activate
               gdc [options] http read <alias>…
               gdc [options] http poll <alias> <timeout_ms> [<since>]
               gdc [options] http write <alias> <data|->
               gdc [options] http record <ts> <alias> <data>
               gdc [options] http content list
               gdc [options] http content info <id>
               gdc [options] http content download <id>

          The answer is printed as '[<code>] <body>'; what 'read' and 'poll' print is without percent-encoding. [0] is no
          answer, and why is on standard error. 'timestamp' prints the seconds alone. 'activate' prints the token; with
          -f it stores it there and prints the file. 'content list' prints one id a line. <since> is a Unix time or what
          Last-Modified said (-d DEBUG shows it).

        """ + options + exits

    private static let configuration = """
        EXAMPLES:
          gdc cfg app.ini get device murano_id
          gdc cfg app.ini set device murano_host https://PRODUCT.m2.exosite.io
          gdc cfg app.ini set device murano_token -U

        USAGE: gdc cfg <file>                                   print the file
               gdc cfg <file> get <section> <option>            'True' is an option without a value
               gdc cfg <file> set <section>                     an empty section, unless it is there
               gdc cfg <file> set <section> <option> [<value>]
               gdc cfg <file> set <section> [<option>] -U       take it away

          The file is replaced in one step that survives a power cut; comments and order stay. Ends with 255 when the
          file, the section or the option is missing, and with 64 when the command line is wrong.
        """

    private static let write = """
        EXAMPLES:
          GDC_TOKEN=… gdc write - temperature 21.5    '-': the token is in the environment or a file
          gdc write 97eW… temperature 21.5            the token can be seen by everybody on this machine

        USAGE: gdc [options] write <cik> <alias> <value>

          The older form of 'gdc http write'. Without -H and -f the cloud is the one of this gateway's gateway.yaml, with
          its ca_file, client certificate, proxy and bind_interface; else https://m2.exosite.com.

        """ + options + exits

    private static let mqtt = """
        EXAMPLES:
          gdc -f app.ini -H mqtt://PRODUCT.m2.exosite.io mqtt activate     the token is kept in app.ini
          gdc -f app.ini mqtt publish temperature 21.5
          gdc -f app.ini mqtt publish '$resource.batch' '[{"timestamp": 1511380800, "values": {"temperature": "21.5"}}]'
          sensor | gdc -f app.ini mqtt publish temperature -               one message a line, on one connection
          gdc -f app.ini mqtt subscribe --disconnect-after 60              what the cloud sets within a minute

        USAGE: gdc [options] mqtt activate
               gdc [options] mqtt publish <topic> <value|-> [-Q 0|1]
               gdc [options] mqtt subscribe [--disconnect-after S]
               gdc [options] mqtt pubsub <topic> [-Q 0|1] [--disconnect-after S]

          A topic without a '$' in front is the name of a resource: 'temperature' is '$resource/temperature'. 'publish'
          prints nothing; with -Q 1, which is what it does without -Q, the cloud has the value when it ends. 'subscribe'
          prints a line '<alias>.<time>=<value>' for each value that the cloud sets, and for those that were set before
          and not acknowledged; to acknowledge one, publish it back. 'pubsub' does that, and publishes the lines of
          standard input. 'activate' prints the token; with -f it stores it there and prints the file.

          -H takes mqtt://HOST and mqtts://HOST, with TLS at port 8883 (or -P 443); without TLS it speaks only to this
          machine: mqtt://127.0.0.1. From an address for HTTPS the host is taken. 'activate' needs the identity (-u, -f).

          --mqtt-keepalive S  the longest silence on the connection, 300 unless given

        """ + options + mqttExits

    private static let options = """
        OPTIONS:
          -f, --file INI      section [device] with murano_host, murano_id, murano_token, or a Gateway.cfg;
                              'gwe' is this gateway: its gateway.yaml and its token
          -H, --host URL      https://PRODUCT.m2.exosite.io; plain http only to this machine
          -P, --port N        unless the URL has one
          -u, --uuid ID       the device's identity, for activate
          -k, --token TOKEN   can be seen by everybody on this machine (ps), at least for a moment: better are
                              --token-file FILE, or GDC_TOKEN or GDC_TOKEN_FILE in the environment, or -f
          -C, --cert PEM      client certificate, with -K, --pkey PEM; then no token is needed
          -E, --cacert PEM    trust these roots only
          -t, --timeout S     of one request, 300 unless given
          -d, --debug LEVEL   DEBUG shows each request as a curl command, without the token
          -U, --unset         of 'cfg set'
          -h, --help          -v, --version
        """

    private static let exits = """


        EXIT: 0 answered 2xx or 304 · 77 the cloud refuses (401, 403) · 75 try later (408, 425, 429, 5xx) · 1 any other
              status · 69 no answer · 64 wrong command line · 66 no such file · 78 an incomplete configuration
        """

    private static let mqttExits = """


        EXIT: 0 done · 77 the cloud refuses who this is · 69 no connection, or it was lost · 1 refused activation ·
              64 wrong command line · 66 no such file · 78 an incomplete configuration
        """
}
