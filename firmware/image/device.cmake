# tinsmith-device, the emulated device: factory flash files, the emulator, its sensor and its power.
find_package(CLI11 REQUIRED)
if(NOT TARGET tinsmith_app)
    add_subdirectory(${CMAKE_SOURCE_DIR}/firmware/app ${CMAKE_BINARY_DIR}/firmware/app)
endif()

add_library(tinsmith_device STATIC device_control.cpp device_emulator.cpp device_factory.cpp device_motor.cpp
    device_run.cpp device_sensor.cpp device_signer.cpp)
target_link_libraries(tinsmith_device PUBLIC tinsmith_options tinsmith_image tinsmith_app
    PRIVATE nlohmann_json::nlohmann_json)

add_executable(tinsmith-device device_main.cpp)
target_link_libraries(tinsmith-device PRIVATE tinsmith_device CLI11::CLI11)
install(TARGETS tinsmith-device RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
# From the folder of the installed programs to that of the boards.
file(RELATIVE_PATH relative_boards ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR}/tinsmith/boards)
target_compile_definitions(tinsmith-device PRIVATE TINSMITH_RELATIVE_BOARDS="${relative_boards}")
