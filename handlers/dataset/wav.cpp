#include "handlers/dataset/wav.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>

#include <sndfile.h>

#include "handlers/dataset/dataset.hpp"

namespace tinsmith::dataset {
namespace {

constexpr std::size_t kChunkHead = 8;

// libsndfile reads through these: bytes in memory, nothing else.
struct WavBytes {
    std::string_view bytes;
    sf_count_t at = 0;

    static WavBytes& of(void* self) { return *static_cast<WavBytes*>(self); }
    static sf_count_t length(void* self) { return static_cast<sf_count_t>(of(self).bytes.size()); }
    static sf_count_t tell(void* self) { return of(self).at; }
    static sf_count_t seek(sf_count_t offset, int whence, void* self) {
        const sf_count_t from = whence == SEEK_SET   ? 0
                                : whence == SEEK_CUR ? of(self).at
                                                     : length(self);
        sf_count_t to = 0;
        if (__builtin_add_overflow(from, offset, &to) || to < 0 || to > length(self)) return -1;
        return of(self).at = to;
    }
    static sf_count_t read(void* target, sf_count_t count, void* self) {
        const sf_count_t some = std::clamp<sf_count_t>(count, 0, length(self) - of(self).at);
        std::memcpy(target, of(self).bytes.data() + of(self).at, static_cast<std::size_t>(some));
        of(self).at += some;
        return some;
    }
    static sf_count_t write(const void*, sf_count_t, void*) { return 0; }
};

std::uint32_t wordAt(std::string_view bytes, std::size_t at) {
    std::uint32_t word = 0;
    for (std::size_t i = 0; i < 4; ++i) {
        word |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[at + i])) << 8 * i;
    }
    return word;
}

// libsndfile takes what is there of samples that were promised; half a recording is no recording.
// Writers that cannot go back leave 0 or all ones as the length.
bool isCutShort(std::string_view bytes) {
    std::size_t at = 12;
    while (at + kChunkHead <= bytes.size()) {
        const std::uint32_t size = wordAt(bytes, at + 4);
        const std::size_t left = bytes.size() - at - kChunkHead;
        if (bytes.substr(at, 4) == "data") return size != 0xffffffffU && size > left;
        if (size > left) return true;
        at += kChunkHead + size + size % 2;
    }
    return true;
}

bool isKnownCoding(int format) {
    constexpr std::array codings = {SF_FORMAT_PCM_U8, SF_FORMAT_PCM_16, SF_FORMAT_PCM_24,
                                    SF_FORMAT_PCM_32, SF_FORMAT_FLOAT,  SF_FORMAT_DOUBLE,
                                    SF_FORMAT_ULAW,   SF_FORMAT_ALAW};
    const int type = format & SF_FORMAT_TYPEMASK;
    return (type == SF_FORMAT_WAV || type == SF_FORMAT_WAVEX) &&
           std::find(codings.begin(), codings.end(), format & SF_FORMAT_SUBMASK) != codings.end();
}

}  // namespace

Result<Sound> readWav(std::string_view bytes, const std::string& name, std::size_t maxFloats) {
    const auto refuse = [&](const std::string& what, const char* hint) {
        return fail(Code::bad_data, name + ": " + what, hint);
    };
    if (bytes.size() < 12 || bytes.substr(0, 4) != "RIFF" || bytes.substr(8, 4) != "WAVE") {
        return refuse("it is no WAV file", "convert it to WAV");
    }
    if (isCutShort(bytes)) return refuse("it is cut short", "copy or record it again");
    WavBytes source{bytes};
    SF_VIRTUAL_IO io{WavBytes::length, WavBytes::seek, WavBytes::read, WavBytes::write,
                     WavBytes::tell};
    SF_INFO info{};
    const std::unique_ptr<SNDFILE, int (*)(SNDFILE*)> file(
        sf_open_virtual(&io, SFM_READ, &info, &source), sf_close);
    if (!file) return refuse(sf_strerror(nullptr), "convert it to WAV with PCM samples");
    if (!isKnownCoding(info.format)) {
        return refuse("its samples are coded in a way that is not read",
                      "convert it to PCM of 16 bits");
    }
    if (info.channels < 1 || static_cast<std::size_t>(info.channels) > kMaxChannels ||
        info.samplerate < 1) {
        return refuse("it has " + std::to_string(info.channels) + " channels at " +
                          std::to_string(info.samplerate) + " Hz",
                      "use 1 to 64 channels and a rate above 0");
    }
    Sound sound{info.samplerate, static_cast<std::size_t>(info.channels), {}};
    std::vector<float> block(4096 * sound.channels);
    while (true) {
        const sf_count_t frames = sf_readf_float(file.get(), block.data(), 4096);
        if (frames <= 0) break;
        const std::size_t count = static_cast<std::size_t>(frames) * sound.channels;
        if (count > maxFloats - std::min(maxFloats, sound.samples.size())) {
            return fail(Code::too_large, name + ": the dataset is too large",
                        "import fewer or shorter recordings, or raise the limit");
        }
        sound.samples.insert(sound.samples.end(), block.begin(),
                             block.begin() + static_cast<std::ptrdiff_t>(count));
    }
    if (sound.samples.empty()) return refuse("there are no samples in it", "remove it");
    if (!std::all_of(sound.samples.begin(), sound.samples.end(),
                     [](float v) { return std::isfinite(v); })) {
        return refuse("it holds NaN or infinity", "convert it to PCM of 16 bits");
    }
    return sound;
}

}  // namespace tinsmith::dataset
