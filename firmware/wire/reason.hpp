// Why something on the device was refused, reverted or restarted. The numbers are the wire and
// flash format: only append.
#pragma once

#include <cstdint>
#include <string_view>

namespace tinsmith::wire {

enum class Reason : std::uint8_t {
    none = 0,
    // Offers
    bad_message = 1,    // not decodable
    bad_signature = 2,  // an offer or image that no key in the boot ROM signed
    wrong_device = 3,   // meant for somebody else
    wrong_board = 4,
    replayed = 5,     // its sequence is not above the last accepted one
    old_counter = 6,  // its security counter is below the floor
    wrong_slot = 7,   // not the slot that is free
    too_large = 8,
    busy = 9,      // the running image is on trial
    expired = 10,  // the download took longer than the offer allows
    // Images
    no_image = 11,        // no MCUboot header
    bad_image = 12,       // header or TLVs are inconsistent
    bad_digest = 13,      // the content is not what its digest says
    unknown_key = 14,     // its key hash names no key in the boot ROM
    digest_differs = 15,  // a good image, but not the offered one
    // Trials and boots
    selftest = 16,    // golden vectors failed, or did not finish in time
    no_gateway = 17,  // no signed `alive` within the trial's ten minutes
    unhealthy = 18,   // too many boots without a healthy minute
    flash = 19,       // an erase or a program operation failed
};

enum class ResetReason : std::uint8_t {
    unplanned = 0,  // power, watchdog or a crash: nobody announced it
    update = 1,     // to boot a new image on trial
    command = 2,
    trial_failed = 3,  // the trial image gave up; the boot loader reverted
    fallback = 4,      // the boot loader left an image by itself: see the last failure
};

// The names of the enumerators; "unknown" for numbers of newer versions.
[[nodiscard]] std::string_view name(Reason reason);
[[nodiscard]] std::string_view name(ResetReason reason);

}  // namespace tinsmith::wire
