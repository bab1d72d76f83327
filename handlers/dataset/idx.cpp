#include "handlers/dataset/idx.hpp"

#include "handlers/dataset/png.hpp"

namespace tinsmith::dataset {
namespace {

constexpr std::uint32_t kImagesMagic = 0x803;
constexpr std::uint32_t kLabelsMagic = 0x801;

std::size_t bigEndianAt(std::string_view bytes, std::size_t word) {
    std::size_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) {
        value = value << 8 | static_cast<unsigned char>(bytes[word * 4 + i]);
    }
    return value;
}

std::unexpected<Error> refuseIdx(const std::string& name, const std::string& what) {
    return fail(Code::bad_data, name + ": " + what,
                "use the files of MNIST: images with magic 0x803, labels with magic 0x801");
}

// A head of `words` words that begins with `magic`.
Status checkHead(std::string_view bytes, const std::string& name, std::uint32_t magic,
                 std::size_t words) {
    if (bytes.size() >= 2 && bytes[0] == '\x1f' && bytes[1] == '\x8b') {
        return fail(Code::bad_data, name + ": it is compressed", "unpack it with gunzip");
    }
    if (bytes.size() < words * 4) return refuseIdx(name, "it is cut short");
    if (bigEndianAt(bytes, 0) != magic) return refuseIdx(name, "it begins with another magic");
    return {};
}

std::unexpected<Error> wrongLength(const std::string& name, std::size_t said, std::size_t there) {
    return refuseIdx(name, "its head says " + std::to_string(said) + " bytes, there are " +
                               std::to_string(there));
}

}  // namespace

Result<IdxImages> readIdxImages(std::string_view bytes, const std::string& name) {
    if (const Status good = checkHead(bytes, name, kImagesMagic, 4); !good)
        return std::unexpected(good.error());
    const std::size_t count = bigEndianAt(bytes, 1);
    const std::size_t rows = bigEndianAt(bytes, 2);
    const std::size_t columns = bigEndianAt(bytes, 3);
    if (count == 0 || rows == 0 || columns == 0) return refuseIdx(name, "there is nothing in it");
    if (rows > kMaxPngPixels / columns) {
        return fail(Code::too_large,
                    name + ": its pictures have " + std::to_string(rows) + " x " +
                        std::to_string(columns) + " pixels",
                    "make them smaller");
    }
    const std::string_view pixels = bytes.substr(16);
    // Below 2^32 * 2^24: no overflow.
    if (count * rows * columns != pixels.size())
        return wrongLength(name, count * rows * columns, pixels.size());
    return IdxImages{{static_cast<int>(rows), static_cast<int>(columns)}, count, pixels};
}

Result<std::string_view> readIdxLabels(std::string_view bytes, const std::string& name) {
    if (const Status good = checkHead(bytes, name, kLabelsMagic, 2); !good)
        return std::unexpected(good.error());
    const std::string_view labels = bytes.substr(8);
    if (bigEndianAt(bytes, 1) != labels.size())
        return wrongLength(name, bigEndianAt(bytes, 1), labels.size());
    return labels;
}

}  // namespace tinsmith::dataset
