/// The page at `/`.
let consolePage = "<!doctype html><title>murano-sandbox</title>\n"
