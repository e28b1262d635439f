internal import GatewayModel
internal import GatewaySystem
internal import Glibc

extension DoctorCheck {
    /// Less than 1 MiB fails, less than a tenth and 64 MiB warns.
    static let disk = DoctorCheck(id: "disk", subject: "free space for state and logs") { scene in
        DoctorCheck.eachPlace(scene) { place, info in
            let free = info.availableByteCount
            let total = info.totalByteCount
            let words =
                total < 1 << 20
                ? "\(place): \(Quantities.about(byteCount: free)) of \(Quantities.about(byteCount: total)) free"
                : "\(place): \(free >> 20) of \(total >> 20) MiB free"
            let hint = "'gwe remove APP', a smaller policy.keep_versions or policy.log_budget makes room"
            if free < 1 << 20 { return .failed(words, hint: hint) }
            return free < min(info.totalByteCount / 10, 64 << 20) ? .warning(words, hint: hint) : .ok(words)
        }
    }

    /// No more than unpacking leaves free fail, fewer than 500 beside those warn: a release needs one for each of its files.
    static let inodes = DoctorCheck(id: "inodes", subject: "free inodes for state and logs") { scene in
        DoctorCheck.eachPlace(scene) { place, info in
            let free = info.availableInodeCount
            if free == .max { return .ok("\(place): not counted") }
            let hint = "many small files fill this file system: find \(place) -xdev | wc -l"
            let words = "\(place): \(free) free"
            let kept = info.inodeReserve
            if free <= kept {
                return .failed("no inode is left for a package: \(words), and \(kept) stay so", hint: hint)
            }
            return free < kept + 500 ? .warning(words, hint: hint) : .ok(words)
        }
    }

    /// Also whether programs in the state folder may run: installers and apps lie there.
    static let readOnly = DoctorCheck(id: "read-only", subject: "whether state and logs can be written") { scene in
        let state = DoctorScene.existing(scene.folders.stateFolder)
        return DoctorCheck.eachPlace(scene) { place, info in
            if place == state, info.isNoExec {
                let hint = "mount -o remount,exec; or another state folder (GWE_STATE_DIR)"
                return .failed("\(place) is mounted noexec: installers and apps in it cannot run", hint: hint)
            }
            if info.isReadOnly {
                let hint = "mount -o remount,rw; after errors the kernel does that by itself: see dmesg"
                return .failed("\(place) is on a read-only file system", hint: hint)
            }
            if access(place, W_OK) != 0 { return .skipped("\(place): not permitted to write there as this user") }
            return .ok("\(place) can be written")
        }
    }

    /// Looks at the state and the log folder, or where they would be made, once for each file system.
    private static func eachPlace(
        _ scene: DoctorScene, _ look: (String, FileSystemInfo) -> DoctorFinding
    ) -> DoctorFinding {
        var seen: Set<UInt> = []
        var findings: [DoctorFinding] = []
        for folder in [scene.folders.stateFolder, scene.folders.logFolder] {
            let place = DoctorScene.existing(folder)
            var status = stat()
            guard stat(place, &status) != 0 || seen.insert(UInt(status.st_dev)).inserted else { continue }
            do throws(SystemError) {
                findings.append(look(place, try FileSystemInfo(containing: place)))
            } catch {
                findings.append(error.isNotPermitted ? .skipped("not permitted: \(error)") : .failed("\(error)"))
            }
        }
        return DoctorFinding.worst(of: findings) ?? .skipped("there is no place to look at")
    }
}
