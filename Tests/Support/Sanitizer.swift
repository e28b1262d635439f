/// What `Scripts/test-sanitized` changes for tests: processes have more threads, more memory and less speed, and libfaketime,
/// which is loaded before all else, does not go together with a sanitizer's library.
public enum Sanitizer {
    /// Whether this is a build under a sanitizer.
    public static var isOn: Bool {
        #if GWE_SANITIZED
            true
        #else
            false
        #endif
    }
}
