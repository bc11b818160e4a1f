# What is counted and how it is shown; and, for the tests of the dashboards, all names.
vw_test(histogram ipamd_metrics)
vw_test(metrics ipamd_metrics Threads::Threads)
vw_test(count test_reconcile_fixture)
vw_program(metrics_list SOURCES metrics_list.c LIBS ipamd_metrics PkgConfig::JANSSON)
