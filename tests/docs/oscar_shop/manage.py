import os
import sys

from django.core.management import execute_from_command_line

os.environ["DJANGO_SETTINGS_MODULE"] = "frobshop.settings"
# Oscar's tables have no migrations here.
execute_from_command_line([*sys.argv, "--run-syncdb"] if sys.argv[1:] == ["migrate"] else sys.argv)
