/// A certificate of its own for localhost and 127.0.0.1, made for these tests alone; valid until 2126.
enum TestCertificate {
    static let certificate = """
        -----BEGIN CERTIFICATE-----
        MIIBmzCCAUGgAwIBAgIUdUptNWSPFN76gP/y3oEZy4FvTlYwCgYIKoZIzj0EAwIw
        FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMjE2MDkxOVoYDzIxMjYxMDI5
        MTYwOTE5WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
        PQMBBwNCAASZs75iXwH36KWX6onH5157uOjsm/uYeBxOD3wJfzBjwwVEQXFSDj2r
        x+aJuSwmBbDk9YCIe9QhaMEOn3lLxp0bo28wbTAdBgNVHQ4EFgQUoS9cFuaZ/C0j
        g6r0BjXFQVBbFc4wHwYDVR0jBBgwFoAUoS9cFuaZ/C0jg6r0BjXFQVBbFc4wDwYD
        VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARhwR/AAABgglsb2NhbGhvc3QwCgYIKoZI
        zj0EAwIDSAAwRQIhAP2FakcEzS+lKyUH1MF0PlsaFIh6xc3xmIcvIP7Cj3e5AiBh
        JTy/h3DM1GvDf1Uv38R3wSsFRNetEOXtMnUN7WMWPQ==
        -----END CERTIFICATE-----

        """

    static let privateKey = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgryv2pf/4ejlLy2r+
        W3KxwnRzLu4jPFY0xl0tSadx2AOhRANCAASZs75iXwH36KWX6onH5157uOjsm/uY
        eBxOD3wJfzBjwwVEQXFSDj2rx+aJuSwmBbDk9YCIe9QhaMEOn3lLxp0b
        -----END PRIVATE KEY-----

        """
}
