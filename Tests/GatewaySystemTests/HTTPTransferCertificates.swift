/// A root of trust for tests on loopback, and server certificates that it has signed, with one key for all. Made with
/// `openssl ca`; they protect nothing. The root and the good certificate are valid from 2000 to 2099.
enum TestCertificates {
    /// The root.
    static let root = """
        -----BEGIN CERTIFICATE-----
        MIIBYTCCAQagAwIBAgIBATAKBggqhkjOPQQDAjAYMRYwFAYDVQQDDA1nd2UgdGVz
        dCByb290MCAXDTAwMDEwMTAwMDAwMFoYDzIwOTkxMjMxMjM1OTU5WjAYMRYwFAYD
        VQQDDA1nd2UgdGVzdCByb290MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEUNx8
        17BLUejEExoWRoUIoD1OsAnBsv7TBotaLd/UtRMikWowmNN2DViQgoAsGfwgofF0
        1nacgnochdOoAePJWqM/MD0wDwYDVR0TAQH/BAUwAwEB/zALBgNVHQ8EBAMCAgQw
        HQYDVR0OBBYEFGx+EQnyS0ifA7CqvxjczagEKHv5MAoGCCqGSM49BAMCA0kAMEYC
        IQDbg7tMn9KO/qv43ylIWb9zuxgGDAdCO713Y80QK6yR7wIhAPKbeHI4XFAY4q/t
        6kzlw9c16T/ewN6SIhrBsKiAX+8I
        -----END CERTIFICATE-----
        """ + "\n"

    /// For 127.0.0.1 and localhost.
    static let good = """
        -----BEGIN CERTIFICATE-----
        MIIBizCCATKgAwIBAgIBAjAKBggqhkjOPQQDAjAYMRYwFAYDVQQDDA1nd2UgdGVz
        dCByb290MCAXDTAwMDEwMTAwMDAwMFoYDzIwOTkxMjMxMjM1OTU5WjAaMRgwFgYD
        VQQDDA9nd2UgdGVzdCBzZXJ2ZXIwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATb
        AI1wpdlSFwSStjwC7zItrYa3/xhWOgS66+oTksIzZu2KL/nYgMkyx3+LkkvIpr7b
        BOtmDVf1HVC+FlfhIlNZo2kwZzAaBgNVHREEEzARhwR/AAABgglsb2NhbGhvc3Qw
        CQYDVR0TBAIwADAdBgNVHQ4EFgQUP8yMSLNOlEMQgAl0zSDvAeojGTowHwYDVR0j
        BBgwFoAUbH4RCfJLSJ8DsKq/GNzNqAQoe/kwCgYIKoZIzj0EAwIDRwAwRAIgTpfz
        H58y3qkw5e7F2SQgbi61AkUbLVknYQnhgh5VfGECICDRI5LCDCJUzZ1iw1ph+wxb
        tj0gSzit4dKr0I6MsANS
        -----END CERTIFICATE-----
        """ + "\n"

    /// The same, valid from 2090 on.
    static let future = """
        -----BEGIN CERTIFICATE-----
        MIIBjzCCATSgAwIBAgIBAzAKBggqhkjOPQQDAjAYMRYwFAYDVQQDDA1nd2UgdGVz
        dCByb290MCIYDzIwOTAwMTAxMDAwMDAwWhgPMjA5OTEyMzEyMzU5NTlaMBoxGDAW
        BgNVBAMMD2d3ZSB0ZXN0IHNlcnZlcjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IA
        BNsAjXCl2VIXBJK2PALvMi2thrf/GFY6BLrr6hOSwjNm7Yov+diAyTLHf4uSS8im
        vtsE62YNV/UdUL4WV+EiU1mjaTBnMBoGA1UdEQQTMBGHBH8AAAGCCWxvY2FsaG9z
        dDAJBgNVHRMEAjAAMB0GA1UdDgQWBBQ/zIxIs06UQxCACXTNIO8B6iMZOjAfBgNV
        HSMEGDAWgBRsfhEJ8ktInwOwqr8Y3M2oBCh7+TAKBggqhkjOPQQDAgNJADBGAiEA
        8GdVTFsYh7BAIrqJOFG9Et4AQo1Ao0uFzPrNpFxXrHwCIQDH/SC8ZRrPXyQkrIrc
        xG9yteuy7k17mHyD+IxsMpkf8Q==
        -----END CERTIFICATE-----
        """ + "\n"

    /// The same, expired in 2001.
    static let past = """
        -----BEGIN CERTIFICATE-----
        MIIBiTCCATCgAwIBAgIBBTAKBggqhkjOPQQDAjAYMRYwFAYDVQQDDA1nd2UgdGVz
        dCByb290MB4XDTAwMDEwMTAwMDAwMFoXDTAxMDEwMTAwMDAwMFowGjEYMBYGA1UE
        AwwPZ3dlIHRlc3Qgc2VydmVyMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE2wCN
        cKXZUhcEkrY8Au8yLa2Gt/8YVjoEuuvqE5LCM2btii/52IDJMsd/i5JLyKa+2wTr
        Zg1X9R1QvhZX4SJTWaNpMGcwGgYDVR0RBBMwEYcEfwAAAYIJbG9jYWxob3N0MAkG
        A1UdEwQCMAAwHQYDVR0OBBYEFD/MjEizTpRDEIAJdM0g7wHqIxk6MB8GA1UdIwQY
        MBaAFGx+EQnyS0ifA7CqvxjczagEKHv5MAoGCCqGSM49BAMCA0cAMEQCIEXQB3OG
        wnQ3Kr57OO8owzGxGMvIKl3ezo6yN741FUfRAiB8rLJhEiOtriZbm2luoM2d12C7
        X0VlPtcGL8k82CvcHw==
        -----END CERTIFICATE-----
        """ + "\n"

    /// For another host.
    static let elsewhere = """
        -----BEGIN CERTIFICATE-----
        MIIBjzCCATSgAwIBAgIBBDAKBggqhkjOPQQDAjAYMRYwFAYDVQQDDA1nd2UgdGVz
        dCByb290MCAXDTAwMDEwMTAwMDAwMFoYDzIwOTkxMjMxMjM1OTU5WjAaMRgwFgYD
        VQQDDA9nd2UgdGVzdCBzZXJ2ZXIwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATb
        AI1wpdlSFwSStjwC7zItrYa3/xhWOgS66+oTksIzZu2KL/nYgMkyx3+LkkvIpr7b
        BOtmDVf1HVC+FlfhIlNZo2swaTAcBgNVHREEFTATghFlbHNld2hlcmUuZXhhbXBs
        ZTAJBgNVHRMEAjAAMB0GA1UdDgQWBBQ/zIxIs06UQxCACXTNIO8B6iMZOjAfBgNV
        HSMEGDAWgBRsfhEJ8ktInwOwqr8Y3M2oBCh7+TAKBggqhkjOPQQDAgNJADBGAiEA
        jn7+ZKeOw1yvL/LWu5v/yJ2vu205+Mg3oIQVWayeGVECIQDwKSAgKUFZgBY+0Stj
        RXASTPYX1q7Ls9XYEB3XkzxoMQ==
        -----END CERTIFICATE-----
        """ + "\n"

    /// Of all server certificates.
    static let key = """
        -----BEGIN EC PRIVATE KEY-----
        MHcCAQEEIPbBYeT6SK5FheYilO8LkeyzcD26qvoPSWITRyoewEzboAoGCCqGSM49
        AwEHoUQDQgAE2wCNcKXZUhcEkrY8Au8yLa2Gt/8YVjoEuuvqE5LCM2btii/52IDJ
        Msd/i5JLyKa+2wTrZg1X9R1QvhZX4SJTWQ==
        -----END EC PRIVATE KEY-----
        """ + "\n"
}
