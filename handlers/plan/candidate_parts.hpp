// What the built-in search's plans are put together from.
#pragma once

#include <vector>

#include "handlers/plan/search.hpp"

namespace tinsmith::plan {

Feature raw(bool magnitude, bool center, int decimate = 1);
Feature statistics();
Feature spectrum(int fft, int hop, int bins);
Feature mel(int fft, int hop, int bands, bool relative);
Feature image(int rows, int columns, bool grey, bool normalise);

Layer conv(int filters, int kernel, int stride = 1);
Layer conv2d(int filters, int kernel = 3, int stride = 1);
Layer depthwise(int kernel = 3, int stride = 1);
Layer asImage(int channels);
Layer pool(LayerKind kind, int size = 2);
Layer dense(int units, bool batchNorm = false);
Layer dropout(double rate);
Layer just(LayerKind kind);

int powerOfTwoUpTo(int most);

int batchFor(const SearchInput& input);

// Enough windows seen for a small network to settle, whatever the size of the dataset.
int epochsFor(const SearchInput& input, double windowsToSee, int least, int most);

// How other devices differ, for augmentation (plan.hpp says the units).
inline constexpr double kOtherSpeed = 0.1;
inline constexpr double kOtherLevel = 0.1;
inline constexpr double kAskew = 10;

// As if other devices had recorded it: they sit a little askew, what they watch runs a little
// faster or slower, and one is more sensitive than another.
Augmentation asOnOtherDevices(Augmentation augment);

// The valid ones of the plans that it is given, in their order.
struct Space {
    const SearchInput& input;
    std::vector<Plan> plans;

    void add(const char* reason, std::vector<Feature> features, std::vector<Layer> network,
             Training training, std::optional<Windowing> windowing = std::nullopt);
};

// Each adds what is worth a try for its kind of window, best first.
void addTables(Space& space);
void addSignals(Space& space);
void addSounds(Space& space);
void addPictures(Space& space);

}  // namespace tinsmith::plan
