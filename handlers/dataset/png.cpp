#include "handlers/dataset/png.hpp"

#include <png.h>

namespace tinsmith::dataset {
namespace {

// Frees what libpng holds for a picture that was begun, also when it was not finished.
struct PngImage {
    png_image image{};
    PngImage() { image.version = PNG_IMAGE_VERSION; }
    PngImage(const PngImage&) = delete;
    PngImage& operator=(const PngImage&) = delete;
    ~PngImage() { png_image_free(&image); }
};

}  // namespace

Result<Raster> readPng(std::string_view bytes, const std::string& name) {
    PngImage png;
    png_image& image = png.image;
    const auto refuse = [&] {
        return fail(Code::bad_data, name + ": " + image.message, "save it as PNG again");
    };
    if (png_image_begin_read_from_memory(&image, bytes.data(), bytes.size()) == 0) return refuse();
    if (image.width > kMaxPngPixels / image.height) {
        return fail(Code::too_large,
                    name + ": it has " + std::to_string(image.width) + " x " +
                        std::to_string(image.height) + " pixels",
                    "make it smaller");
    }
    image.format = PNG_FORMAT_RGB;
    Raster raster{{static_cast<int>(image.height), static_cast<int>(image.width)}, 3, {}};
    raster.pixels.resize(PNG_IMAGE_SIZE(image));
    const png_color white{255, 255, 255};
    // libpng warns about what it can mend, such as a broken profile; an error alone is a refusal.
    if (png_image_finish_read(&image, &white, raster.pixels.data(), 0, nullptr) == 0)
        return refuse();
    return raster;
}

}  // namespace tinsmith::dataset
