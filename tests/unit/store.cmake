foreach(name store store_blocks store_import store_evidence store_generation store_rules store_requested store_files store_crash store_random)
        vw_test(${name} ipamd_store Threads::Threads)
        target_sources(test_${name} PRIVATE store_fixture.c)
endforeach()
