// Power cuts during an update, at every store that the emulated processor makes to header, trailer
// and boot state, and at every 64th of the body.
//
// A plugin in the emulator traces all stores of one whole update, from offer to confirmation. What
// a cut after store N leaves is then the flash from before with the first N stores; CutEqualsReplay
// shows that on real cuts. Each such flash is booted on the emulator again and must reach its
// application: the old one or the new one.
#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <fstream>
#include <thread>

#include "firmware/boot/layout.hpp"
#include "tests/firmware/device/harness.hpp"

namespace tinsmith::test {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kBodyStep = 64;
constexpr std::uint32_t kHeader = 0x400;

struct Store {
    std::uint32_t offset, bytes, value;
};

struct Trace {
    Bytes before;  // the flash that the update began with
    std::vector<Store> stores;
    Update update;
};

bool inSlot(std::uint32_t offset, std::uint8_t slot, std::uint32_t from, std::uint32_t to) {
    const std::uint32_t base = boot::slotOffset(slot);
    return offset >= base + from && offset < base + to;
}

enum class Place { state, header, trailer, body };

Place placeOf(const Store& store) {
    if (store.offset < boot::slotOffset(0)) return Place::state;
    for (const std::uint8_t slot : {std::uint8_t{0}, std::uint8_t{1}}) {
        if (inSlot(store.offset, slot, 0, kHeader)) return Place::header;
        if (inSlot(store.offset, slot, boot::kSlotSize - boot::kTrailerSize, boot::kSlotSize))
            return Place::trailer;
    }
    return Place::body;
}

std::vector<Store> readTrace(const std::filesystem::path& path) {
    const Bytes bytes = readFile(path);
    std::vector<Store> stores(bytes.size() / sizeof(Store));
    std::memcpy(stores.data(), bytes.data(), stores.size() * sizeof(Store));
    return stores;
}

void apply(Bytes& flash, const Store& store) {
    std::memcpy(flash.data() + store.offset, &store.value, store.bytes);
}

std::string plugin(const std::filesystem::path& flash, const std::filesystem::path& trace,
                   std::uint64_t cut) {
    return std::string(TINSMITH_CUT_PLUGIN) + ",flash=" + flash.string() +
           ",trace=" + trace.string() + (cut != 0 ? ",cut=" + std::to_string(cut) : "");
}

struct World {
    Folder folder;
    Broker broker{folder};
    KeyFile key{folder};
    Gateway gateway{broker.port(), key.key};
    std::filesystem::path flash = makeDevice(folder, key, "d1", broker.port());

    bool online() { return gateway.hellos.contains("d1") && gateway.hellos["d1"].online; }

    // Runs an update under the plugin. With `cut` it ends there, else when the new image is
    // confirmed.
    Trace trace(std::uint64_t cut) {
        Trace result;
        result.update = signedUpdate(key.key, firmwareDir() / "factory-b.bin", 1, 2);
        {
            image::Emulator first(
                emulatorFor(flash));  // the very first boot is not part of an update
            if (!first.start() || !gateway.wait(10s, [&] { return online(); }))
                throw std::runtime_error("no hello");
            first.cut();
            if (!gateway.wait(10s, [&] { return !online(); })) throw std::runtime_error("no will");
        }
        result.before = readFile(flash);
        image::EmulatorSettings settings = emulatorFor(flash);
        const std::filesystem::path file = folder / "trace";
        settings.extra = {"-plugin", plugin(flash, file, cut)};
        image::Emulator emulator(settings);
        if (!emulator.start()) throw std::runtime_error("no emulator");
        for (int i = 0; i < 300 && emulator.running();
             ++i) {  // an early cut comes before the device is online
            if (gateway.wait(50ms, [&] { return online(); })) break;
        }
        gateway.offer("d1", result.update, 1);
        if (cut == 0) {
            const bool confirmed = gateway.wait(60s, [&] {
                return online() && gateway.hellos["d1"].runningDigest == result.update.digest &&
                       !gateway.hellos["d1"].trial;
            });
            if (!confirmed)
                throw std::runtime_error("the update under the plugin was not confirmed");
            std::this_thread::sleep_for(200ms);
        } else {
            for (int i = 0; i < 600 && emulator.running(); ++i) std::this_thread::sleep_for(50ms);
            if (emulator.running()) throw std::runtime_error("the cut did not happen");
        }
        emulator.cut();
        result.stores = readTrace(file);
        return result;
    }
};

// A mapped flash file that is set to many contents in turn.
class Board {
  public:
    Board(const std::filesystem::path& flash, const std::filesystem::path& bootElf,
          const Bytes& content)
        : flash_(flash), content_(content) {
        std::filesystem::copy_file(bootElf, image::bootElfOf(flash));
        std::ofstream(flash, std::ios::binary)
            .write(reinterpret_cast<const char*>(content.data()),
                   static_cast<std::streamsize>(content.size()));
        const int fd = ::open(flash.c_str(), O_RDWR | O_CLOEXEC);
        mapped_ = static_cast<std::uint8_t*>(
            ::mmap(nullptr, content.size(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
        ::close(fd);
    }
    Board(const Board&) = delete;
    Board& operator=(const Board&) = delete;
    ~Board() { ::munmap(mapped_, content_.size()); }

    Bytes& content() { return content_; }

    // Boots the present content without a network. True where an application started.
    bool boots() {
        // Only the state log and the slots can differ: the rest of the 16 MB stays.
        std::memcpy(mapped_, content_.data(), boot::slotOffset(1) + boot::kSlotSize);
        const std::filesystem::path log = flash_.string() + ".log";
        std::ofstream(log).close();
        image::EmulatorSettings settings = emulatorFor(flash_);
        image::Emulator emulator(settings);
        if (!emulator.start()) return false;
        for (int i = 0; i < 4000 && emulator.running(); ++i) {
            std::this_thread::sleep_for(3ms);
            if (readText(log).find("app: device") != std::string::npos) return true;
        }
        return false;
    }

  private:
    std::filesystem::path flash_;
    Bytes content_;
    std::uint8_t* mapped_ = nullptr;
};

void sweep(const std::vector<Place>& places, std::uint32_t step) {
    World world;
    const Trace trace = world.trace(0);
    std::vector<std::size_t> cuts;
    std::size_t candidates = 0;
    for (std::size_t i = 0; i < trace.stores.size(); ++i) {
        if (std::find(places.begin(), places.end(), placeOf(trace.stores[i])) == places.end())
            continue;
        if (candidates++ % step == 0) cuts.push_back(i);
    }
    ASSERT_GT(cuts.size(), 50u);
    std::atomic<std::size_t> failures = 0;
    const auto worker = [&](std::size_t first) {
        Board board(world.folder / ("cut" + std::to_string(first) + ".flash"),
                    image::bootElfOf(world.flash), trace.before);
        std::size_t applied = 0;
        for (std::size_t c = first; c < cuts.size(); c += 2) {
            for (; applied <= cuts[c]; ++applied) apply(board.content(), trace.stores[applied]);
            if (board.boots()) continue;
            ++failures;
            ADD_FAILURE() << "no boot after a cut at store " << cuts[c] + 1 << " at flash offset "
                          << std::hex << trace.stores[cuts[c]].offset;
        }
    };
    std::thread other(worker, 1);
    worker(0);
    other.join();
    std::printf("%zu stores traced, %zu cuts booted, %zu failed\n", trace.stores.size(),
                cuts.size(), failures.load());
}

TEST(PowerCut, CutEqualsReplay) {
    for (const std::uint64_t cut : {60ull, 1500ull, 9000ull, 30000ull}) {
        World world;
        const Trace trace = world.trace(cut);
        ASSERT_EQ(trace.stores.size(), cut);
        Bytes replayed = trace.before;
        for (const Store& store : trace.stores) apply(replayed, store);
        const Bytes real = readFile(world.flash);
        const auto [left, right] = std::mismatch(real.begin(), real.end(), replayed.begin());
        ASSERT_EQ(left, real.end())
            << "cut after store " << cut << ": flash offset " << std::hex << left - real.begin()
            << " holds " << int{*left} << ", not " << int{*right};
        // And what the cut left goes on: the update is resumed and confirmed.
        image::Emulator emulator(emulatorFor(world.flash));
        ASSERT_TRUE(emulator.start());
        ASSERT_TRUE(world.gateway.wait(10s, [&] { return world.online(); }));
        world.gateway.offer("d1", trace.update, 2);
        EXPECT_TRUE(world.gateway.wait(30s,
                                       [&] {
                                           return world.online() &&
                                                  world.gateway.hellos["d1"].runningDigest ==
                                                      trace.update.digest &&
                                                  !world.gateway.hellos["d1"].trial;
                                       }))
            << "after a cut at store " << cut;
    }
}

TEST(PowerCut, EveryStoreToTheBootState) {
    sweep({Place::state}, 1);
}
TEST(PowerCut, EveryStoreToHeaders) {
    sweep({Place::header}, 1);
}
TEST(PowerCut, EveryStoreToTrailers) {
    sweep({Place::trailer}, 1);
}
TEST(PowerCut, Every64thStoreToTheBody) {
    sweep({Place::body}, kBodyStep);
}

}  // namespace
}  // namespace tinsmith::test
