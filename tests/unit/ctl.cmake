# ipamctl, with its streams in memory, against canned answers.
vw_test(show ipamd_ctl)
vw_test(ctl ipamd_ctl Threads::Threads)
target_link_options(test_ctl PRIVATE -Wl,--wrap=clock_wall_ms)
vw_test(bundle ipamd_ctl PkgConfig::ZLIB)
vw_test(ctl_history ipamd_ctl)
