extension FixedWidthInteger {
    /// The sum, or the largest value that there is: for counts that come from outside.
    public func saturating(adding other: Self) -> Self {
        let (sum, isTooMuch) = addingReportingOverflow(other)
        guard isTooMuch else { return sum }
        return other < 0 ? .min : .max
    }
}
