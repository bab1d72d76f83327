// Sounds: a file is one utterance, or a long recording that is cut into windows.
#include <algorithm>
#include <array>
#include <cctype>

#include "handlers/dataset/formats.hpp"
#include "handlers/dataset/wav.hpp"

namespace tinsmith::dataset {
namespace {

// What the feature blocks of a device take; longer sounds are cut.
constexpr std::size_t kLongestWindow = 16384;

std::vector<std::string> soundChannels(std::size_t count) {
    if (count == 1) return {"audio"};
    if (count == 2) return {"left", "right"};
    std::vector<std::string> names;
    for (std::size_t i = 1; i <= count; ++i) names.push_back("audio" + std::to_string(i));
    return names;
}

// Where the `length` loudest rows in a row begin.
std::size_t loudest(const float* samples, std::size_t rows, std::size_t channels,
                    std::size_t length) {
    std::vector<double> before(rows + 1);  // energy of the rows before each
    for (std::size_t i = 0; i < rows; ++i) {
        double energy = 0;
        for (std::size_t c = 0; c < channels; ++c) {
            const double x = samples[i * channels + c];
            energy += x * x;
        }
        before[i + 1] = before[i] + energy;
    }
    std::size_t best = 0;
    for (std::size_t i = 0; i + length <= rows; ++i) {
        if (before[i + length] - before[i] > before[best + length] - before[best]) best = i;
    }
    return best;
}

class WavImport {
  public:
    WavImport(ImportFiles& files, const ImportOptions& options, const ImportLimits& limits)
        : files_(files), options_(options), maxFloats_(limits.maxBytes / sizeof(float)) {}

    Result<Readings> run(const Progress& progress) {
        out_.shape.units = options_.units;
        out_.shape.rateHz = options_.rateHz;
        const Status read =
            files_.each(progress, [this](const std::string& file) { return readOne(file); });
        if (!read) return std::unexpected(read.error());
        chooseWindow();
        if (const Status good = fitToWindow(); !good) return std::unexpected(good.error());
        return std::move(out_);
    }

  private:
    Status readOne(const std::string& file) {
        const auto bytes = files_.read(file);
        if (!bytes) return std::unexpected(bytes.error());
        const auto sound = readWav(*bytes, file, maxFloats_ - std::min(maxFloats_, floats()));
        if (!sound) return std::unexpected(sound.error());
        Dataset& shape = out_.shape;
        if (!shape.rateHz) shape.rateHz = sound->rateHz;
        if (*shape.rateHz != sound->rateHz) {
            return fail(Code::bad_data,
                        file + ": its rate is " + std::to_string(sound->rateHz) + " Hz, not " +
                            std::to_string(static_cast<long>(*shape.rateHz)),
                        "resample the recordings to one rate", "/rate_hz");
        }
        if (fileChannels_ == 0) {
            if (const Status good = chooseChannels(*sound); !good) return good;
        }
        if (sound->channels != fileChannels_) {
            return fail(Code::bad_data,
                        file + ": it has " + std::to_string(sound->channels) +
                            " channels, the files before it have " + std::to_string(fileChannels_),
                        "record all with the same channels");
        }
        Run run;
        run.samples = sound->samples.size() / fileChannels_;
        run.offset = floats();
        for (std::size_t i = 0; i < run.samples; ++i) {
            for (const std::size_t c : chosen_)
                out_.samples.push_back(sound->samples[i * fileChannels_ + c]);
        }
        if (const Status named = files_.describe(file, {}, std::span(&run, 1)); !named)
            return named;
        files_.compareCounts(file, std::span(&run, 1), out_.notes);
        out_.runs.push_back(std::move(run));
        return {};
    }

    std::size_t floats() const { return out_.samples.size(); }

    // All channels of the first file, or those asked for.
    Status chooseChannels(const Sound& first) {
        fileChannels_ = first.channels;
        const std::vector<std::string> names = soundChannels(fileChannels_);
        out_.shape.channels = options_.channels.empty() ? names : options_.channels;
        for (const std::string& wanted : out_.shape.channels) {
            const auto at = std::find(names.begin(), names.end(), wanted);
            if (at == names.end()) {
                return fail(Code::bad_data, "the recordings have no channel \"" + wanted + '"',
                            "their channels are " + names.front() + " to " + names.back(),
                            "/channels");
            }
            chosen_.push_back(static_cast<std::size_t>(at - names.begin()));
        }
        return {};
    }

    void chooseWindow() {
        std::vector<std::size_t> lengths;
        for (const Run& run : out_.runs) lengths.push_back(run.samples);
        std::sort(lengths.begin(), lengths.end());
        const std::size_t usual = lengths[(lengths.size() - 1) * 95 / 100];
        median_ = lengths[lengths.size() / 2];
        Dataset& shape = out_.shape;
        shape.windowLength = options_.windowLength.value_or(
            std::min(usual, std::max<std::size_t>(1, kLongestWindow / shape.channels.size())));
        shape.windowStride =
            options_.windowStride.value_or(std::max<std::size_t>(1, shape.windowLength / 2));
    }

    // Short sounds get silence on both sides, long utterances lose what is quiet.
    Status fitToWindow() {
        const std::size_t length = out_.shape.windowLength;
        const std::size_t channels = out_.shape.channels.size();
        const bool utterances = median_ <= length;
        std::size_t total = 0;
        for (const Run& run : out_.runs)
            total += utterances ? length : std::max(run.samples, length);
        if (total > maxFloats_ / channels) {
            return fail(Code::too_large, "brought to one length the data would be too large",
                        "shorten the window", "/window/length");
        }
        std::vector<float> samples;
        samples.reserve(total * channels);
        std::size_t padded = 0;
        std::size_t cut = 0;
        for (Run& run : out_.runs) {
            const float* const from = out_.samples.data() + run.offset;
            run.offset = samples.size();
            std::size_t first = 0;
            std::size_t take = run.samples;
            if (utterances && run.samples > length) {
                first = loudest(from, run.samples, channels, length);
                take = length;
                ++cut;
            }
            const std::size_t silence = length - std::min(take, length);
            if (silence > 0) ++padded;
            samples.resize(samples.size() + silence / 2 * channels);
            samples.insert(samples.end(), from + first * channels,
                           from + (first + take) * channels);
            samples.resize(samples.size() + (silence - silence / 2) * channels);
            run.samples = take + silence;
        }
        out_.samples = std::move(samples);
        const std::string window = "a window of " + std::to_string(length) + " samples";
        const std::string all = " of " + std::to_string(out_.runs.size()) + " files ";
        if (padded > 0) {
            out_.notes.push_back({"padded", std::to_string(padded) + all + "are shorter than " +
                                                window + " and lie in the middle of silence"});
        }
        if (cut > 0) {
            out_.notes.push_back({"cut_to_loudest", std::to_string(cut) + all + "are longer than " +
                                                        window + ": their loudest part was kept"});
        }
        return {};
    }

    ImportFiles& files_;
    const ImportOptions& options_;
    std::size_t maxFloats_;
    Readings out_;
    std::size_t fileChannels_ = 0;
    std::size_t median_ = 0;           // length of a file
    std::vector<std::size_t> chosen_;  // of the file's channels
};

}  // namespace

bool isWavFile(const std::filesystem::path& file) {
    const std::string extension = file.extension().string();
    return extension == ".wav" || extension == ".WAV";
}

Result<Readings> readWavFiles(ImportFiles& files, const ImportOptions& options,
                              const ImportLimits& limits, const Progress& progress) {
    return WavImport(files, options, limits).run(progress);
}

}  // namespace tinsmith::dataset
