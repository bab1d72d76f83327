# The command-line client. Included by daemon/CMakeLists.txt.
find_package(CLI11 REQUIRED)
if(TARGET tinsmith_desk)
    add_library(tinsmith_ctl STATIC
        ctl/client.cpp ctl/commands.cpp ctl/doctor.cpp ctl/doctor_local.cpp ctl/options.cpp ctl/print.cpp
        ctl/run.cpp ctl/watch.cpp)
    target_link_libraries(tinsmith_ctl PUBLIC tinsmith_daemon tinsmith_desk tinsmith_image PRIVATE CLI11::CLI11)
    add_executable(tinsmith ctl/main.cpp)
    target_link_libraries(tinsmith PRIVATE tinsmith_ctl)
    set_target_properties(tinsmith PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${TINSMITH_PROGRAM_DIR})
    add_subdirectory(${CMAKE_SOURCE_DIR}/tests/daemon/ctl ${CMAKE_BINARY_DIR}/tests/daemon/ctl)
    install(TARGETS tinsmith RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
