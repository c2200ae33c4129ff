"""Train, test on a split in time, and let the result serve when it is better. Runs in a worker."""

from django_ecomai.recommend.train_options import BadParameter, TrainOptions, options_read

from .flow import model_train

__all__ = ["BadParameter", "TrainOptions", "model_train", "options_read"]
