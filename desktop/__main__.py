"""`python -m desktop` is `chatbelle`."""

from desktop.app import main

raise SystemExit(main())
