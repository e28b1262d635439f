public import GatewaySystem

/// What the content area says of one content.
public struct ContentInfo: Sendable, Hashable {
    /// Its name in the content area, by which it is downloaded.
    public var name: String
    /// The media type that it was uploaded with.
    public var type: String
    /// Its whole size.
    public var byteCount: Int64
    /// Unix time in seconds of the last upload.
    public var updated: Int64

    /// What tells this content from another one of the same name.
    public var validator: String { "murano:\(byteCount),\(updated)" }
}

extension DeviceClient {
    /// The names of all contents. A list whose last line has no end is believed when there is a content of that name.
    public func contentList() throws(DeviceClientError) -> [String] {
        let call = Call(.listContent, contentPath(nil), resources: ["provision/download"], action: "list the contents")
        let response = try authorised(call)
        switch response.status {
        case 204: return []
        case 200: break
        default: throw unexpected(response, call.action)
        }
        let names = response.text.split(whereSeparator: \.isNewline).map(String.init)
        guard DeviceCall.contentList.isAnswered(by: response),
            names.allSatisfy({ $0.utf8.count <= DeviceClient.contentNameByteLimit })
        else {
            throw DeviceClientError(.captivePortal, call.action, "the answer is no list of contents", status: 200)
        }
        // Cut on its way, or of a server that ends no last line?
        if let last = names.last, response.body.last != UInt8(ascii: "\n") {
            do throws(DeviceClientError) { _ = try contentInfo(last) } catch {
                guard error.isPermanent, error.transfer == nil else { throw error }
                throw DeviceClientError(.captivePortal, call.action, "the list is cut", status: 200)
            }
        }
        return names
    }

    /// More than any file name has.
    static let contentNameByteLimit = 1_024

    /// Type, size and time of one content: `<type>,<bytes>,<unix time>,<meta>`.
    public func contentInfo(_ name: String) throws(DeviceClientError) -> ContentInfo {
        let action = "find content \(name)"
        let call = Call(.contentInfo, contentPath(name) + "&info=true", resources: [name], action: action)
        let response = try authorised(call)
        switch response.status {
        case 200: break
        case 400, 403, 404:
            let reason = "the cloud has no such content, or not for this device (\(response.status))"
            throw DeviceClientError(.permanent, action, reason, status: response.status)
        default: throw unexpected(response, action)
        }
        let fields = response.text.split(separator: ",", maxSplits: 3, omittingEmptySubsequences: false)
        guard fields.count >= 3, let byteCount = Int64(fields[1]), byteCount >= 0,
            let updated = DeviceClient.time(fields[2])
        else {
            throw DeviceClientError(.captivePortal, action, "the answer is no content information", status: 200)
        }
        return ContentInfo(name: name, type: String(fields[0]), byteCount: byteCount, updated: updated)
    }

    /// Where a content is downloaded from; a token in `X-Exosite-CIK` goes with it.
    public func contentURL(_ name: String) -> String { configuration.baseURL + contentPath(name) }

    /// How many bytes of just this content an unfinished download into `path` has left; see `Downloader`.
    public func partialByteCount(of info: ContentInfo, at path: String) -> Int64 {
        Downloader.partialByteCount(downloadRequest(info), at: path)
    }

    /// The request for a `Downloader`, with the token in its header, or without one before activation.
    public func downloadRequest(_ info: ContentInfo, token: DeviceToken? = nil) -> DownloadRequest {
        let headers = token.map { [DeviceClient.header($0)] } ?? []
        return DownloadRequest(
            .web(url: contentURL(info.name), headers: headers, followsRedirects: false), validator: info.validator,
            expectedByteCount: info.byteCount)
    }

    /// Downloads a content into `path`, resuming what an earlier run has left if the content is still the same, and
    /// makes it durable.
    ///
    /// - Parameters:
    ///   - configure: sets limits, the digest and so on in the request, before each try.
    ///   - events: see `DownloadEvent`.
    public func download(
        _ name: String, into path: String, configure: (inout DownloadRequest) -> Void = { _ in },
        events: @escaping (DownloadEvent) -> Void = { _ in }
    ) throws(DeviceClientError) -> DownloadOutcome {
        var info = try contentInfo(name)
        var changes = 0
        while true {
            do throws(DeviceClientError) {
                let (outcome, isProven) = try download(info, into: path, configure, events)
                // A server without tags cannot say that a part is of the same content: ask again what it has.
                if isProven || outcome.requestCount == 0 { return outcome }
                if outcome.requestCount == 1, outcome.resumedByteCount == 0 { return outcome }
                let now = try contentInfo(name)
                if now == info { return outcome }
                events(.restarted(reason: "the content was replaced during the download"))
                do throws(SystemError) { try Downloader.discard(path) } catch {
                    throw DeviceClientError(error, "download \(name)")
                }
                info = now
            } catch {
                // Replaced by one of another size since its information was read?
                guard error.transfer?.kind == .wrongSize else { throw error }
                let now = try contentInfo(name)
                guard now != info else { throw error }
                info = now
            }
            changes += 1
            guard changes <= 3 else {
                throw DeviceClientError(.retryLater, "download \(name)", "the content keeps changing")
            }
        }
    }

    private func download(
        _ info: ContentInfo, into path: String, _ configure: (inout DownloadRequest) -> Void,
        _ events: @escaping (DownloadEvent) -> Void
    ) throws(DeviceClientError) -> (DownloadOutcome, isProven: Bool) {
        let action = "download \(info.name)"
        let downloader = Downloader(transfer)
        downloader.meter = { [self] cost in observe(.get, [info.name], cost, nil) }
        var isProven = false
        let outcome = try withToken(action) {
            (token) throws(DeviceClientError) -> (DownloadOutcome?, isRefused: Bool) in
            var request = downloadRequest(info, token: token)
            request.isCancelled = configuration.isCancelled
            configure(&request)
            isProven = request.sha256 != nil
            count(.getContent, [info.name])
            do throws(TransferError) {
                return (try downloader.download(request, into: path, events: events), false)
            } catch {
                if error.kind == .http(401) { return (nil, true) }
                throw DeviceClientError(error, action)
            }
        }
        guard let outcome else { throw DeviceClientError(.notAuthorised, action, "the server refuses the token (401)") }
        return (outcome, isProven)
    }

    /// Without a product there are no vendor and model in it, as since 2018: the token tells the product.
    func contentPath(_ name: String?) -> String {
        let product = FormCoding.encode(configuration.product)
        var fields = product.isEmpty ? [] : ["vendor=\(product)", "model=\(product)"]
        if let name { fields.append("id=" + FormCoding.encode(name)) }
        return "/provision/download" + (fields.isEmpty ? "" : "?" + fields.joined(separator: "&"))
    }
}
