#include "tests/daemon/crash_vfs.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <random>

namespace tinsmith::daemon {

namespace {

struct Handle {
    sqlite3_file base;
    CrashDisk* disk;
    std::shared_ptr<CrashDisk::File> file;
};

Handle* handle(sqlite3_file* file) {
    return reinterpret_cast<Handle*>(file);
}
CrashDisk* disk(sqlite3_vfs* vfs) {
    return static_cast<CrashDisk*>(vfs->pAppData);
}

int closeFile(sqlite3_file* file) {
    handle(file)->file.~shared_ptr();
    return SQLITE_OK;
}

int readFile(sqlite3_file* file, void* into, int count, sqlite3_int64 at) {
    const std::string& bytes = handle(file)->file->current;
    const auto begin = static_cast<std::size_t>(at);
    const auto wanted = static_cast<std::size_t>(count);
    const auto there = begin >= bytes.size() ? 0 : std::min(wanted, bytes.size() - begin);
    std::memcpy(into, bytes.data() + (there ? begin : 0), there);
    if (there == wanted) return SQLITE_OK;
    std::memset(static_cast<char*>(into) + there, 0, wanted - there);
    return SQLITE_IOERR_SHORT_READ;
}

void applyTo(std::string& bytes, const CrashDisk::Pending& change) {
    if (change.truncate) {
        bytes.resize(change.at);
        return;
    }
    if (bytes.size() < change.at + change.bytes.size())
        bytes.resize(change.at + change.bytes.size());
    bytes.replace(change.at, change.bytes.size(), change.bytes);
}

int writeFile(sqlite3_file* file, const void* from, int count, sqlite3_int64 at) {
    Handle* self = handle(file);
    if (!self->disk->step()) return SQLITE_IOERR_WRITE;
    const auto length = static_cast<std::size_t>(count);
    if (!self->disk->takeRoom(length)) return SQLITE_FULL;
    const CrashDisk::Pending change{static_cast<std::size_t>(at),
                                    std::string(static_cast<const char*>(from), length), false};
    applyTo(self->file->current, change);
    self->file->pending.push_back(change);
    return SQLITE_OK;
}

int truncateFile(sqlite3_file* file, sqlite3_int64 size) {
    Handle* self = handle(file);
    if (!self->disk->step()) return SQLITE_IOERR_TRUNCATE;
    const CrashDisk::Pending change{static_cast<std::size_t>(size), {}, true};
    applyTo(self->file->current, change);
    self->file->pending.push_back(change);
    return SQLITE_OK;
}

int syncFile(sqlite3_file* file, int) {
    Handle* self = handle(file);
    if (!self->disk->step()) return SQLITE_IOERR_FSYNC;
    self->file->durable = self->file->current;
    self->file->pending.clear();
    self->file->linked = true;
    return SQLITE_OK;
}

int fileSize(sqlite3_file* file, sqlite3_int64* size) {
    *size = static_cast<sqlite3_int64>(handle(file)->file->current.size());
    return SQLITE_OK;
}

int lockFile(sqlite3_file*, int) {
    return SQLITE_OK;
}
int reserved(sqlite3_file*, int* held) {
    *held = 0;
    return SQLITE_OK;
}
int control(sqlite3_file*, int, void*) {
    return SQLITE_NOTFOUND;
}
int sectorSize(sqlite3_file*) {
    return static_cast<int>(CrashDisk::kSector);
}
int characteristics(sqlite3_file*) {
    return 0;
}

const sqlite3_io_methods kMethods = {1,        closeFile,  readFile,        writeFile, truncateFile,
                                     syncFile, fileSize,   lockFile,        lockFile,  reserved,
                                     control,  sectorSize, characteristics, nullptr,   nullptr,
                                     nullptr,  nullptr,    nullptr,         nullptr};

int openFile(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int, int* flags) {
    CrashDisk* self = disk(vfs);
    auto* opened = new (file) Handle{};
    opened->disk = self;
    if (name) {
        auto& entry = self->files()[name];
        if (!entry) entry = std::make_shared<CrashDisk::File>();
        opened->file = entry;
    } else {
        opened->file = std::make_shared<CrashDisk::File>();
    }
    opened->base.pMethods = &kMethods;
    if (flags) *flags |= SQLITE_OPEN_READWRITE;
    return SQLITE_OK;
}

int deleteFile(sqlite3_vfs* vfs, const char* name, int) {
    if (!disk(vfs)->step()) return SQLITE_IOERR_DELETE;
    return disk(vfs)->files().erase(name) ? SQLITE_OK : SQLITE_IOERR_DELETE_NOENT;
}

int accessFile(sqlite3_vfs* vfs, const char* name, int, int* there) {
    *there = disk(vfs)->has(name) ? 1 : 0;
    return SQLITE_OK;
}

int fullName(sqlite3_vfs*, const char* name, int room, char* out) {
    sqlite3_snprintf(room, out, "%s", name);
    return SQLITE_OK;
}

int randomBytes(sqlite3_vfs*, int count, char* out) {
    std::memset(out, 7, static_cast<std::size_t>(count));
    return count;
}

int sleepFor(sqlite3_vfs*, int) {
    return 0;
}
int timeNow(sqlite3_vfs*, double* now) {
    *now = 2460000.5;
    return SQLITE_OK;
}

}  // namespace

CrashDisk::CrashDisk(const char* name) : name_(name) {
    vfs_.iVersion = 1;
    vfs_.szOsFile = sizeof(Handle);
    vfs_.mxPathname = 256;
    vfs_.zName = name_.c_str();
    vfs_.pAppData = this;
    vfs_.xOpen = openFile;
    vfs_.xDelete = deleteFile;
    vfs_.xAccess = accessFile;
    vfs_.xFullPathname = fullName;
    vfs_.xRandomness = randomBytes;
    vfs_.xSleep = sleepFor;
    vfs_.xCurrentTime = timeNow;
    sqlite3_vfs_register(&vfs_, 0);
}

CrashDisk::~CrashDisk() {
    sqlite3_vfs_unregister(&vfs_);
}

bool CrashDisk::step() {
    return cut_ < 0 ? ++operations_ > 0 : ++operations_ <= cut_;
}

bool CrashDisk::takeRoom(std::size_t bytes) {
    if (room_ < 0) return true;
    if (room_ < static_cast<std::int64_t>(bytes)) return false;
    room_ -= static_cast<std::int64_t>(bytes);
    return true;
}

void CrashDisk::restart(Survives what, std::uint32_t seed) {
    std::mt19937 random(seed);
    for (auto entry = files_.begin(); entry != files_.end();) {
        File& file = *entry->second;
        if (!file.linked && what == Survives::nothing) {
            entry = files_.erase(entry);
            continue;
        }
        std::string bytes = file.durable;
        for (std::size_t i = 0; i < file.pending.size() && what != Survives::nothing; ++i) {
            Pending change = file.pending[i];
            if (what == Survives::torn) {
                if (i + 1 == file.pending.size() && !change.truncate) {
                    change.bytes.resize(
                        std::min(change.bytes.size(),
                                 (change.bytes.size() / kSector) * kSector + kSector / 2));
                }
                applyTo(bytes, change);
                continue;
            }
            for (std::size_t at = 0; at < change.bytes.size(); at += kSector) {
                if (random() % 2)
                    applyTo(bytes, {change.at + at, change.bytes.substr(at, kSector), false});
            }
            if (change.truncate && random() % 2) applyTo(bytes, change);
        }
        // A process that died holds no file any more: the next one gets fresh bytes.
        entry->second = std::make_shared<File>(File{bytes, bytes, {}, true});
        ++entry;
    }
    cut_ = -1;
    operations_ = 0;
}

void CrashDisk::corrupt(const std::string& file, std::size_t at) {
    File& target = *files_.at(file);
    for (std::string* bytes : {&target.durable, &target.current}) {
        if (at < bytes->size()) (*bytes)[at] = static_cast<char>((*bytes)[at] ^ 0x55);
    }
}

}  // namespace tinsmith::daemon
